import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Decimal, toMoneyScale, ZERO } from '../../core/money.ts'
import type { Plan } from '../../core/plan.ts'
import type { PriceSchedule } from '../../core/price.ts'
import { amountsOf } from '../../core/rate-card.ts'
import { scaledText } from '../../core/scaled.ts'
import { costCalls } from '../../rating/costs/cost.ts'
import { chargesOf } from '../../rating/plans/charge.ts'
import { curveOf, priceOfStep } from '../../rating/plans/curve.ts'
import { parsePlan } from '../../rating/plans/plan.ts'
import { chargeables } from '../../rating/plans/quantities.ts'
import type { BookRow } from '../../rating/prices/resolve.ts'
import { priceFrom } from '../../rating/pricing.ts'
import { type KeyedRow, rateCard, worstCost } from '../../rating/worst-case.ts'
import { bookRow } from '../support/prices.ts'
import { assemblyOf, modelCall, NOON, toolCall } from './events.ts'

/** No call within its estimate is ever charged, or costs, more than it is held to cost at worst. */

const KEY = { provider: 'house', model: 'big-1' }
const AT = NOON.getTime() * 1000
const TOOLS = ['db.query', 'mail.send']

const text = (most: number, digits: number) =>
  fc.integer({ min: 0, max: most }).map((n) => new Decimal(n).div(10 ** digits).toFixed())
const price = text(1_000_000, 4)
const size = fc.constantFrom('1', '3', '7', '1000', '1000000')
const rounding = fc.constantFrom('none', 'up', 'nearest', 'down')
const glob = fc.constantFrom('*', 'big-*', 'big-1', 'small-*', 'big-1-2026')
const filter = fc.option(
  fc.record(
    {
      model: glob,
      provider: fc.constantFrom('house', 'other'),
      tool: fc.constantFrom('db.*', '*'),
      agent: fc.constantFrom('triage', '*'),
      product: fc.constantFrom('bot', 'other'),
    },
    { requiredKeys: [] },
  ),
  { nil: undefined },
)
const counted = fc.constantFrom(
  'input_tokens',
  'uncached_input_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'output_tokens',
  'reasoning_tokens',
  'reasoning_steps',
  'tool_calls',
  'model_calls',
  'embedding_tokens',
  'traces',
)
const every = { filter, included: fc.option(text(100_000, 0), { nil: undefined }) }
const tier = fc.record({ unit_price: price, per: size, flat: fc.option(price, { nil: undefined }) })
const tiers = fc
  .tuple(fc.array(fc.record({ tier, wide: fc.integer({ min: 1, max: 5_000 }) }), { maxLength: 3 }), tier)
  .map(([bounded, last]) => {
    let end = 0
    const ended = bounded.map(({ tier: one, wide }) => {
      end += wide
      return { ...one, up_to: String(end) }
    })
    return [...ended, { ...last, up_to: null }]
  })
const meter = fc.oneof(
  fc.record({
    ...every,
    meter: counted,
    model: fc.constant('per_unit'),
    unit_price: price,
    per: size,
    rounding,
  }),
  fc.record({
    ...every,
    meter: counted,
    model: fc.constantFrom('graduated', 'volume'),
    tiers,
    rounding,
    tier_boundary: fc.constantFrom('inclusive', 'exclusive'),
    zero_usage: fc.constantFrom('nothing', 'flat'),
  }),
  fc.record({
    ...every,
    meter: counted,
    model: fc.constant('package'),
    package_size: size,
    package_price: price,
    rounding,
  }),
  fc.record({ ...every, meter: counted, model: fc.constant('flat'), flat: price }),
  fc.record({
    ...every,
    meter: fc.constant('cogs'),
    model: fc.constant('cost_plus'),
    markup_pct: text(50_000, 2),
  }),
)

/** Absent, not undefined: as JSON has it. */
const plan = fc
  .record({
    currency: fc.constantFrom('USD', 'JPY', 'KWD'),
    credit_rate: fc.constantFrom('0.01', '0.03', '7'),
    meters: fc.array(meter, { minLength: 1, maxLength: 5 }),
    discount_pct: fc.option(text(10_000, 2), { nil: undefined }),
    minimum: fc.option(price, { nil: undefined }),
  })
  .map((body) => parsePlanOrNull(JSON.parse(JSON.stringify(body))))
  .filter((parsed): parsed is Plan => parsed !== null)

function parsePlanOrNull(body: unknown): Plan | null {
  try {
    return parsePlan(body)
  } catch {
    return null
  }
}

const HOUR_MICROS = 3_600_000_000
const SCHEDULES: readonly PriceSchedule[] = [
  { tz: 'Asia/Shanghai', weekdays: [1, 2, 3, 4, 5, 6, 7], from: '09:00', to: '18:30' },
  { tz: 'America/New_York', weekdays: [1, 2, 3, 4, 5], from: '22:45', to: '06:00' },
]

const row = fc
  .record({
    meter: fc.constantFrom(
      'input_uncached',
      'input_audio',
      'input_image',
      'cache_read',
      'cache_write',
      'cache_write_1h',
      'output',
      'output_audio',
      'reasoning',
      'request',
      'web_search',
      'x_search',
    ),
    serviceTier: fc.constantFrom('standard', 'batch', 'priority'),
    region: fc.constantFrom('', 'us-east-1'),
    currency: fc.constantFrom('USD', 'USD', 'JPY'),
    price,
    per: size,
    contextFrom: fc.constantFrom(0, 0, 1_000),
    minQuantity: fc.constantFrom(null, null, 100),
    roundingQuantity: fc.constantFrom(null, null, 64),
    feeBasis: fc.constantFrom('token' as const, 'request' as const),
    schedule: fc.constantFrom(null, null, ...SCHEDULES),
    beginsAfterHours: fc.constantFrom(null, null, 7, 30),
  })
  .map(
    (of): KeyedRow => ({
      ...bookRow({
        priceRowId: '',
        meter: of.meter,
        serviceTier: of.serviceTier,
        region: of.region,
        currency: of.currency,
        unitPrice: new Decimal(of.price),
        per: new Decimal(of.per),
        feeBasis: of.meter.endsWith('search') ? of.feeBasis : of.meter === 'request' ? 'call' : 'token',
        minQuantity: of.minQuantity === null ? null : new Decimal(of.minQuantity),
        roundingQuantity: of.roundingQuantity === null ? null : new Decimal(of.roundingQuantity),
        contextFrom: of.contextFrom,
        schedule: of.schedule,
        effectiveFrom: of.beginsAfterHours === null ? 0 : AT + of.beginsAfterHours * HOUR_MICROS,
      }),
      key: KEY,
    }),
  )
const rows = fc.array(row, { maxLength: 14 }).map((list) => {
  // A book has one row for one question.
  const unique = new Map(
    list.map((each) => {
      const { meter, serviceTier, region, contextFrom, schedule, effectiveFrom } = each
      return [JSON.stringify([meter, serviceTier, region, contextFrom, schedule, effectiveFrom]), each]
    }),
  )
  return [...unique.values()].map((each, no) => ({ ...each, priceRowId: String(no) }))
})

const tokens = fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 20_000 }))
const usage = fc.record({
  inputUncached: tokens,
  cacheRead: tokens,
  cacheWrite: tokens,
  cacheWrite1h: tokens,
  outputText: tokens,
  outputReasoning: tokens,
  audio: fc.boolean(),
  isEmbedding: fc.boolean(),
  steps: fc.integer({ min: 0, max: 1 }),
  functions: fc.array(fc.constantFrom(...TOOLS), { maxLength: 3 }),
  searches: fc.integer({ min: 0, max: 3 }),
  serviceTier: fc.constantFrom(null, 'batch', 'priority', 'flex'),
  region: fc.constantFrom(null, 'us-east-1', 'mars'),
})
const spare = fc.integer({ min: 0, max: 100 })
const scope = fc.record({
  model: fc.constantFrom('big-1', 'big-1', null),
  product: fc.constantFrom('bot', null),
  agent: fc.constantFrom('triage', null),
})

test('what is booked for a call within its estimate is never more than its worst case', () => {
  let priced = 0
  fc.assert(
    fc.property(
      plan,
      rows,
      usage,
      spare,
      scope,
      fc.constantFrom('0.00665', '3.25', '0.0033333333'),
      fc.constantFrom('0', '0.0003', '2.5'),
      fc.array(fc.integer({ min: 0, max: 9_000 }), { minLength: 5, maxLength: 5 }),
      fc.boolean(),
      fc.integer({ min: 0, max: 1_439 }),
      (ofPlan, ofBook, used, more, asked, worth, ofTool, before, isDated, minutesLater) => {
        const startNano = BigInt(AT) * 1_000n + BigInt(minutesLater) * 60_000_000_000n
        const usd = new Decimal(worth)
        const usdOf = (currency: string) => (currency === 'USD' ? new Decimal(1) : usd)
        const cogs =
          asked.model === null ? null : worstCost('default', [KEY], ofBook, new Decimal(ofTool), AT, usdOf)
        const card = rateCard(ofPlan, asked, cogs, null, usdOf)
        const { audio, isEmbedding, steps, functions, searches, serviceTier, region, ...all } = used
        const embedded = { outputText: 0, outputReasoning: 0, cacheRead: 0, cacheWrite: 0, cacheWrite1h: 0 }
        const buckets = isEmbedding ? { ...all, ...embedded } : all
        const call = modelCall(1, {
          ...KEY,
          startNano,
          endNano: startNano,
          model: isDated ? 'big-1-2026' : 'big-1',
          requestModel: 'big-1',
          kind: isEmbedding ? 'embedding' : 'chat',
          serviceTier,
          region,
          reasoningSteps: steps,
          buckets,
          quantities: {
            ...(audio
              ? { input_audio_tokens: buckets.inputUncached, output_audio_tokens: buckets.outputText }
              : {}),
            ...(searches > 0 ? { web_searches: searches } : {}),
          },
        })
        const assembly = assemblyOf({
          calls: [call],
          tools: functions.map((name, no) => toolCall(no + 2, name)),
          startNano: 0n,
          endNano: 0n,
        })
        const ofTools = TOOLS.map(
          (model): BookRow => ({ ...TOOL_ROW, priceRowId: model, unitPrice: new Decimal(ofTool) }),
        )
        const priceOf = priceFrom(
          'default',
          () => [KEY],
          ({ provider, model }) =>
            provider === 'tool' ? ofTools.filter((each) => each.priceRowId === model) : ofBook,
        )
        const foreign = (row: ReturnType<typeof priceOf>) =>
          row && row.currency !== 'USD' ? { ...row, fx: { id: 'fx', usd } as never } : row
        const costs = costCalls(assembly, (question) => foreign(priceOf(question)), 0n)
        const inCurrency = (amount: Decimal) =>
          ofPlan.currency === 'USD' ? amount : toMoneyScale(amount.div(usd))
        const counters = new Map<number, Decimal>()
        const charges = chargesOf(ofPlan, chargeables(assembly, costs, inCurrency), {
          agent: asked.agent ?? 'triage',
          product: asked.product ?? 'bot',
        })
        let booked = ZERO
        for (const { meterNo, quantity } of charges) {
          const from = counters.get(meterNo) ?? new Decimal(before[meterNo]!)
          booked = booked.plus(priceOfStep(curveOf(ofPlan, meterNo), from, from.plus(quantity)))
          counters.set(meterNo, from.plus(quantity))
        }
        const cost = costs.reduce((sum, { amount }) => sum.plus(amount ?? 0), ZERO)
        const { cacheRead, cacheWrite, cacheWrite1h, inputUncached, outputText, outputReasoning } =
          call.buckets
        const worst = amountsOf(card, {
          inputTokens: BigInt(inputUncached + cacheRead + cacheWrite + cacheWrite1h + more),
          outputTokens: BigInt(outputText + outputReasoning + more),
          toolCalls: BigInt(functions.length + searches + (more % 3)),
        })
        if (worst.cogs !== null) {
          expect(atMost(cost, worst.cogs), `cost ${cost} of at most ${scaledText(worst.cogs)}`).toBe(true)
        }
        if (worst.price === null) return
        priced += 1
        expect(atMost(booked, worst.price), `${booked} of at most ${scaledText(worst.price)}`).toBe(true)
        const credits = toMoneyScale(booked.div(ofPlan.credit_rate!))
        expect(atMost(credits, worst.credits!), `${credits} credits of ${scaledText(worst.credits!)}`).toBe(
          true,
        )
      },
    ),
    { numRuns: 3_000 },
  )
  expect(priced).toBeGreaterThan(1_000)
})

function atMost(amount: Decimal, most: bigint): boolean {
  return amount.lessThanOrEqualTo(scaledText(most))
}

const TOOL_ROW = bookRow({
  tenantId: 'default',
  book: 'override',
  meter: 'tool_call',
  per: new Decimal(1),
  feeBasis: 'call',
})

test('a plan that marks up costs has no worst case in a currency that nobody said the worth of', () => {
  const markup = parsePlan({
    currency: 'JPY',
    meters: [{ meter: 'cogs', model: 'cost_plus', markup_pct: '40' }],
  })
  const cogs = { call: '0', input: '0.01', output: '0.02', tool: '0' }
  const asked = { model: 'big-1', product: null, agent: null }
  const usdOf = (worth: string | null) => (currency: string) =>
    currency === 'USD' ? new Decimal(1) : worth === null ? null : new Decimal(worth)
  expect(rateCard(markup, asked, cogs, null, usdOf(null)).price).toBeNull()
  expect(rateCard(markup, asked, cogs, null, usdOf('0.005')).price).toEqual({
    call: '0',
    input: '2.8',
    output: '5.6',
    tool: '0',
  })
})

import fc from 'fast-check'
import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Decimal } from '../../core/money.ts'
import type { Simulation, SimulationOrder } from '../../core/simulation.ts'
import { NO_TOKENS } from '../../core/usage.ts'
import { parsePlan } from '../../rating/plans/plan.ts'
import { seedPriceBook } from '../../rating/prices/seed.ts'
import { createRater } from '../../rating/rater.ts'
import { simulate } from '../../rating/simulation/simulate.ts'
import { Tally } from '../../rating/simulation/tally.ts'
import { fillBooks } from '../audit/books.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { anyPlan } from './any-plan.ts'
import {
  assemblyOf,
  modelCall,
  NOON,
  storeCustomer,
  storeEvent,
  storeOverride,
  storePlan,
  toolCall,
} from './events.ts'

const NOVEMBER = { from: '2026-11-01T00:00:00.000Z', to: '2026-12-01T00:00:00.000Z' }
const SEED = 20_261_127

let database: TestDatabase
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database.drop())

function orderOf(of: Partial<SimulationOrder> = {}): SimulationOrder {
  return {
    tenantId: 'default',
    ...NOVEMBER,
    now: '2026-12-02T00:00:00.000Z',
    plan: null,
    customers: null,
    switches: [],
    tokenRatios: ['1'],
    markupPct: null,
    eventsMax: null,
    ...of,
  }
}

function run(of: Partial<SimulationOrder> = {}): Promise<Simulation> {
  return simulate(database.pool, orderOf(of), new AbortController().signal)
}

const inPlan = (body: unknown) => ({ body: parsePlan(body) })
const tokenPlan = (unit_price: string, more: object = {}) => ({
  currency: 'USD',
  meters: [{ meter: 'input_tokens', model: 'per_unit', unit_price }],
  ...more,
})

function use(traceNo: number, customer: string | null, of: Record<string, number | string> = {}) {
  const { day = 10, tokens = 1_000, model = 'a', tools = 0 } = of as Record<string, never>
  return storeEvent(database.pool, {
    traceNo,
    customer,
    time: new Date(`2026-11-${String(day).padStart(2, '0')}T12:00:00Z`),
    assembly: assemblyOf({
      calls: [
        modelCall(1, {
          provider: 'house',
          model,
          requestModel: null,
          buckets: { ...NO_TOKENS, inputUncached: tokens },
        }),
      ],
      tools: Array.from({ length: tools }, (_, no) => toolCall(10 + no, 'db.query')),
    }),
  })
}

/** Charges by customer, as the lines have them. */
async function charges(pool: pg.Pool): Promise<Record<string, string>> {
  const { rows } = await pool.query(
    `select customer_id as customer, trim_scale(sum(amount))::text as amount from aforo_store.price_lines group by 1`,
  )
  return Object.fromEntries(rows.map((row) => [row.customer, row.amount]))
}

/** What the books hold is computed again, and nothing is left over, before and after. */
async function expectTheBooks(of: Partial<SimulationOrder> = {}): Promise<Simulation> {
  const simulation = await run(of)
  const { totals, booked, customers } = simulation
  expect(booked.charges_difference, 'charges beyond the books').toBe('0')
  expect(booked.cogs_difference, 'COGS beyond the books').toBe('0')
  expect(totals.after).toEqual(totals.before)
  const found = customers.map(({ customer, before }) => [customer, new Decimal(before.charges)] as const)
  const lines = await charges(database.pool)
  for (const [customer, amount] of found)
    expect([customer, amount.toFixed()]).toEqual([customer, lines[customer ?? ''] ?? '0'])
  return simulation
}

describe('the plans they are on', () => {
  test('are the books to the last digit, with late spans, corrections and what nobody knows', async () => {
    await fillBooks(database.pool)
    const simulation = await expectTheBooks()
    expect(simulation.totals.before.charges).not.toBe('0')
    expect(simulation.totals.before.cogs, 'some call is unpriced').toBeNull()
    expect(simulation).toMatchObject({ unattributed_events: 1, unmetered_calls: 2, pending_revisions: 1 })
  })

  const history = fc.array(
    fc.tuple(
      fc.constantFrom('acme', 'globex', 'nobody'),
      fc.record({
        day: fc.integer({ min: 1, max: 28 }),
        tokens: fc.integer({ min: 0, max: 999 }),
        model: fc.constantFrom('a', 'b', 'unknown'),
        tools: fc.integer({ min: 0, max: 3 }),
      }),
    ),
    { minLength: 30, maxLength: 40 },
  )

  test.each(fc.sample(fc.tuple(anyPlan, anyPlan, history), { numRuns: 4, seed: SEED }).map((each) => [each]))(
    'are the books for plans of any kind, in two versions (%#)',
    async ([first, second, events]) => {
      const { pool } = database
      await storePlan(pool, 'team', first)
      await storePlan(pool, 'team', second, '2026-11-15T00:00:00Z')
      for (const customer of ['acme', 'globex']) await storeCustomer(pool, customer, 'team')
      await storeOverride(pool, {
        provider: 'house',
        model: 'a',
        meter: 'input_uncached',
        unitPrice: '0.07',
        per: '9',
      })
      await storeOverride(pool, { provider: 'house', model: 'b', meter: 'input_uncached', unitPrice: '0.01' })
      for (const [no, [customer, of]] of events.entries()) await use(no + 1, customer, of)
      await createRater({ pool }).rate(NOON)
      // What a price is said to have been since does not change what was booked.
      await storeOverride(pool, { provider: 'house', model: 'a', meter: 'input_uncached', unitPrice: '5' })
      await expectTheBooks()
      await expectTheBooks({ plan: null, customers: [{ customer: 'acme', plan: null }] })
    },
  )

  test('are the books for another provider of the same prices, each call costed anew', async () => {
    const { pool } = database
    await seedPriceBook(pool, new Date('2020-01-01T00:00:00Z'))
    await storePlan(pool, 'team', {
      currency: 'USD',
      meters: [{ meter: 'cogs', model: 'cost_plus', markup_pct: '40' }],
    })
    await storeCustomer(pool, 'acme', 'team')
    for (const traceNo of [1, 2, 3]) {
      const buckets = {
        inputUncached: 1_234,
        cacheRead: 99,
        cacheWrite: 7,
        cacheWrite1h: 3,
        outputText: 55,
        outputReasoning: 11,
      }
      await storeEvent(pool, {
        traceNo,
        customer: 'acme',
        assembly: assemblyOf({ calls: [modelCall(traceNo, { buckets, quantities: { web_searches: 2 } })] }),
      })
    }
    await createRater({ pool }).rate(NOON)
    const model = 'claude-sonnet-4-5-20250929'
    const { totals, switched } = await expectTheBooks({
      switches: [{ pattern: 'claude-sonnet-4-5*', provider: 'anthropic', model }],
    })
    expect(switched).toEqual([
      { provider: 'anthropic', model, to_provider: 'anthropic', to_model: model, calls: 3 },
    ])
    expect(totals.before.cogs).not.toBe('0')
  })
})

describe('another plan', () => {
  test('charges its curves and its end of the period; who pays more comes first', async () => {
    const { pool } = database
    await storePlan(pool, 'team', tokenPlan('0.01'))
    for (const customer of ['acme', 'globex', 'idle']) await storeCustomer(pool, customer, 'team')
    await use(1, 'acme', { tokens: 300 })
    await use(2, 'acme', { tokens: 900, day: 20 })
    await use(3, 'globex', { tokens: 4_000 })
    await createRater({ pool }).rate(NOON)
    const tiers = [
      { up_to: '1000', unit_price: '0.02' },
      { up_to: null, unit_price: '0.001' },
    ]
    const meters = [{ meter: 'input_tokens', model: 'graduated', tiers }]
    const { customers, totals, models } = await run({
      plan: inPlan({ currency: 'USD', meters, minimum: '21' }),
    })
    const rows = customers.map(({ customer, before, after, revenue_change }) => [
      customer,
      before.revenue,
      after.charges,
      after.adjustments,
      revenue_change,
    ])
    expect(rows).toEqual(
      [
        ['idle', '0', '0', '21', '21'],
        ['acme', '12', '20.2', '0.8', '9'],
        ['globex', '40', '23', '0', '-17'],
      ].sort((a, b) => Number(b[4]) - Number(a[4])),
    )
    expect(totals).toMatchObject({
      before: { revenue: '52' },
      after: { revenue: '65' },
      revenue_change: '13',
    })
    expect(models).toMatchObject([
      { model: null, after: { adjustments: '21.8', charges: '0' } },
      { model: 'a', before: { charges: '52' }, after: { charges: '43.2' } },
    ])
  })

  test('counts what a period used before the span, and owes its end only where it ends', async () => {
    const { pool } = database
    const included = { included: [{ meter: 'input_tokens', quantity: '1000' }], minimum: '100' }
    await storePlan(pool, 'team', tokenPlan('1', included))
    await storeCustomer(pool, 'acme', 'team')
    await use(1, 'acme', { tokens: 800, day: 3 })
    await use(2, 'acme', { tokens: 300, day: 20 })
    await createRater({ pool }).rate(NOON)
    const rest = await expectTheBooks({ from: '2026-11-10T00:00:00.000Z', to: '2026-11-25T00:00:00.000Z' })
    expect(rest.totals.before).toMatchObject({ charges: '100', adjustments: '0' })
    const start = await run({ to: '2026-11-10T00:00:00.000Z' })
    expect(start.totals.before).toMatchObject({ charges: '0', adjustments: '0' })
    const end = await run({ from: '2026-11-21T00:00:00.000Z' })
    expect(end.totals.before, 'the whole period’s 100 are charged: nothing is lacking').toMatchObject({
      charges: '0',
      adjustments: '0',
    })
    await storeCustomer(pool, 'half', 'team')
    const { customers } = await run({ from: '2026-11-21T00:00:00.000Z' })
    expect(customers).toMatchObject([{ customer: 'half', before: { adjustments: '100' } }])
  })

  test('is given to one customer and not the other', async () => {
    const { pool } = database
    await storePlan(pool, 'a', tokenPlan('1'))
    await storePlan(pool, 'b', tokenPlan('2'))
    await storePlan(pool, 'b', tokenPlan('3'))
    for (const customer of ['acme', 'globex', 'other']) await storeCustomer(pool, customer, 'a')
    for (const [no, customer] of ['acme', 'globex', 'other'].entries())
      await use(no + 1, customer, { tokens: 10 })
    await createRater({ pool }).rate(NOON)
    const { customers } = await run({
      customers: [
        { customer: 'acme', plan: { planId: 'b', version: null } },
        { customer: 'globex', plan: { planId: 'b', version: 1 } },
      ],
    })
    expect(customers.map(({ customer, after }) => [customer, after.revenue])).toEqual([
      ['acme', '30'],
      ['globex', '20'],
    ])
    await expect(run({ plan: { planId: 'b', version: 9 } })).rejects.toMatchObject({ code: 'not_found' })
    await expect(run({ customers: [{ customer: 'x', plan: null }] })).rejects.toMatchObject({
      code: 'not_found',
    })
  })

  test('or another mark-up on the same costs', async () => {
    const { pool } = database
    await storePlan(pool, 'plus', {
      currency: 'USD',
      meters: [{ meter: 'cogs', model: 'cost_plus', markup_pct: '10' }],
    })
    await storeCustomer(pool, 'acme', 'plus')
    await storeOverride(pool, { provider: 'house', model: 'a', meter: 'input_uncached', unitPrice: '0.01' })
    await use(1, 'acme', { tokens: 1_000 })
    await createRater({ pool }).rate(NOON)
    const { totals } = await run({ markupPct: '50' })
    expect(totals.before).toMatchObject({ revenue: '11', cogs: '10', margin: '1', margin_pct: '9.09' })
    expect(totals.after).toMatchObject({ revenue: '15', cogs: '10', margin: '5', margin_pct: '33.33' })
  })
})

describe('another model', () => {
  test('costs by its own rows, at the least and the most tokens; one without a price is told', async () => {
    const { pool } = database
    await storePlan(pool, 'team', {
      currency: 'USD',
      meters: [
        { meter: 'input_tokens', filter: { model: 'dear' }, model: 'per_unit', unit_price: '1' },
        { meter: 'input_tokens', model: 'per_unit', unit_price: '0.5' },
      ],
    })
    await storeCustomer(pool, 'acme', 'team')
    for (const [model, unitPrice] of [
      ['dear', '0.4'],
      ['cheap', '0.1'],
    ] as const)
      await storeOverride(pool, { provider: 'house', model, meter: 'input_uncached', unitPrice })
    await use(1, 'acme', { tokens: 15, model: 'dear' })
    await use(2, 'acme', { tokens: 10, model: 'other' })
    await createRater({ pool }).rate(NOON)
    const cheap = { pattern: 'dear', provider: 'house', model: 'cheap' }
    const { models, totals, switched } = await run({ switches: [cheap], tokenRatios: ['0.9', '1.2'] })
    expect(switched).toMatchObject([{ model: 'dear', to_model: 'cheap', calls: 1 }])
    // 13.5 tokens are 14.
    const byModel = Object.fromEntries(models.map((row) => [row.model, row]))
    expect(byModel.dear).toMatchObject({
      before: { revenue: '15', cogs: '6' },
      after: { revenue: '0', cogs: '0', calls: 0 },
    })
    expect(byModel.cheap).toMatchObject({
      before: { revenue: '0', calls: 0 },
      after: { revenue: '7', cogs: '1.4', calls: 1 },
      after_high: { revenue: '9', cogs: '1.8', calls: 1 },
    })
    expect(totals).toMatchObject({
      before: { cogs: null, cogs_known: '6', unpriced_calls: 1 },
      after: { cogs: null, cogs_known: '1.4', margin: null, unpriced_calls: 1 },
    })
    const unknown = await run({ switches: [{ ...cheap, model: 'nobody-sells-it' }] })
    expect(unknown.totals.after).toMatchObject({ cogs: null, cogs_known: '0', unpriced_calls: 2 })
  })
})

test('is stopped by its signal and by its bounds, and gives its connections back', async () => {
  const { pool } = database
  await fillBooks(pool)
  await expect(run({ eventsMax: 1 })).rejects.toMatchObject({
    code: 'invalid_argument',
    faults: [{ path: '/to' }],
  })
  await expect(simulate(pool, orderOf(), AbortSignal.abort())).rejects.toMatchObject({ code: 'unavailable' })
  expect(pool.idleCount).toBe(pool.totalCount)
})

test('a tally holds so many sums and not one more', () => {
  const place = {
    customer: 'acme',
    subscriptionId: '1',
    periodStart: 0,
    planId: 'team',
    planVersion: 1,
    agent: null,
    product: null,
  }
  const calls = (model: string) => assemblyOf({ calls: [modelCall(1, { model })] })
  const tally = new Tally(0, 3)
  for (const model of ['a', 'b', 'a', 'b']) tally.add(place, 0, false, calls(model))
  expect(() => tally.add(place, 0, false, calls('c'))).toThrow(/more than 3 sums/)
})

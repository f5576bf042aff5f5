import { afterAll, beforeAll, expect, test } from 'vitest'
import { Decimal } from '../../core/money.ts'
import type { MeterFilter } from '../../core/plan.ts'
import { NO_TOKENS } from '../../core/usage.ts'
import { createRater } from '../../rating/rater.ts'
import peers from '../oracles/rating.json' with { type: 'json' }
import atBounds from '../oracles/rating-at-bounds.json' with { type: 'json' }
import byRule from '../oracles/rating-by-rule.json' with { type: 'json' }
import { assemblyOf, modelCall, NOON, storeEvent, toolCall } from '../rating/events.ts'
import { type RunningApi, startApi } from './start.ts'

/** What plans answer of a usage, as `test/rating/plan-oracle.test.ts` asks it of the engine. */
interface Oracle {
  readonly id: string
  readonly plan: { readonly currency: string; readonly meters: readonly { readonly meter: string }[] }
  readonly usage: Readonly<Record<string, string>>
  readonly before?: Readonly<Record<string, string>>
  readonly of?: MeterFilter
  readonly price?: string
  readonly invoiced?: string
}

const ORACLES = ([...peers, ...atBounds, ...byRule] as readonly { readonly id: string }[]).filter(
  (oracle): oracle is Oracle => 'plan' in oracle,
)

let api: RunningApi
beforeAll(async () => {
  api = await startApi()
  api.clock = NOON
})
afterAll(() => api.stop())

const MONTH = { period_from: '2026-11-01T00:00:00Z', period_to: '2026-12-01T00:00:00Z' }

test('over REST, what usage costs as a period’s whole', async () => {
  const answers: unknown[] = []
  const whole = ORACLES.filter(({ before }) => before === undefined)
  for (const { id, plan, usage, of = {}, price, invoiced } of whole) {
    const { body } = await api.post('/v1/quote', { plan, usage, of })
    answers.push([
      id,
      price === undefined ? undefined : body.price,
      invoiced === undefined ? undefined : body.invoice_total,
    ])
  }
  expect(whole.length).toBeGreaterThan(150)
  expect(answers).toEqual(whole.map(({ id, price, invoiced }) => [id, price, invoiced]))
})

test('from events of a customer to a quote behind them, and to the invoice of the period', async () => {
  const rater = createRater({ pool: api.database.pool })
  const used = ORACLES.filter(isUsable).map(inTokens)
  let traceNo = 0
  const store = (customer: string, usage: Readonly<Record<string, string>>) =>
    storeEvent(api.database.pool, {
      traceNo: ++traceNo,
      customer,
      assembly: assemblyOf({
        calls: [
          modelCall(1, { buckets: bucketsOf(usage), reasoningSteps: Number(usage.reasoning_steps ?? 0) }),
        ],
        tools: Array.from({ length: Number(usage.tool_calls ?? 0) }, (_, no) => toolCall(no + 2, 'db.query')),
      }),
    })
  const rate = async () => {
    while ((await rater.rate(NOON, 200)) > 0);
  }
  for (const { id, plan, before } of used) {
    expect([id, (await api.put(`/v1/plans/${id}`, plan)).status]).toEqual([id, 201])
    await api.put(`/v1/customers/${id}`, {})
    await api.put(`/v1/customers/${id}/subscription`, { plan: id, from: '2026-01-01T00:00:00Z' })
    if (before) await store(id, before)
  }
  await rate()
  // A customer who used nothing yet owes a minimum all the same: only what goes on from usage is asked of a period.
  const further = used.filter(({ before }) => before !== undefined)
  const quoted: unknown[] = []
  for (const { id, usage } of further) {
    const { body } = await api.post('/v1/quote', { plan: id, customer: id, usage })
    quoted.push([id, body.price])
  }
  expect(further.length).toBeGreaterThan(10)
  expect(quoted).toEqual(further.map(({ id, price }) => [id, price]))
  for (const { id, usage } of used) await store(id, usage)
  await rate()
  const billed: unknown[] = []
  const expected: unknown[] = []
  for (const { id, plan, usage, before } of used) {
    const { body } = await api.post('/v1/invoices', { customer: id, ...MONTH })
    const exact = body.lines.reduce(
      (sum: Decimal, line: { amount_exact: string }) => sum.plus(line.amount_exact),
      new Decimal(0),
    )
    billed.push([id, exact.toFixed(), new Decimal(body.total).toFixed()])
    const all = await api.post('/v1/quote', { plan, usage: added(before ?? {}, usage) })
    expected.push([id, all.body.price, all.body.invoice_total])
  }
  expect(used.length).toBeGreaterThan(100)
  expect(billed).toEqual(expected)
})

/** What an event of one call cannot have so much of as it likes. */
const NOT_STATED: ReadonlySet<string> = new Set(['cogs', 'session_seconds', 'model_calls'])

/** Whole quantities that an event can have, of anything: what a meter counts does not matter to its price. */
function isUsable({ plan, usage, before = {}, of, price }: Oracle): boolean {
  const quantities = [...Object.values(usage), ...Object.values(before)]
  return (
    price !== undefined &&
    of === undefined &&
    plan.meters.every(({ meter }) => !NOT_STATED.has(meter)) &&
    quantities.every((quantity) => /^\d{1,12}$/.test(quantity))
  )
}

function inTokens(oracle: Oracle): Oracle & { readonly price: string } {
  const named = JSON.parse(JSON.stringify(oracle).replaceAll('"traces"', '"input_tokens"'))
  return named
}

function bucketsOf({ input_tokens = '0', cache_read_tokens = '0', output_tokens = '0' }: Oracle['usage']) {
  const cacheRead = Number(cache_read_tokens)
  const inputUncached = Number(input_tokens) - cacheRead
  return { ...NO_TOKENS, inputUncached, cacheRead, outputText: Number(output_tokens) }
}

function added(before: Oracle['usage'], usage: Oracle['usage']): Record<string, string> {
  const meters = new Set([...Object.keys(before), ...Object.keys(usage)])
  return Object.fromEntries(
    [...meters].map((meter) => [meter, new Decimal(before[meter] ?? 0).plus(usage[meter] ?? 0).toFixed()]),
  )
}

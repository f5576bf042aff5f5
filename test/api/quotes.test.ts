import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NO_TOKENS } from '../../core/usage.ts'
import { createRater } from '../../rating/rater.ts'
import { createKey } from '../../schema/keys.ts'
import { assemblyOf, modelCall, NOON, storeEvent, storeOverride, toolCall } from '../rating/events.ts'
import { type RunningApi, startApi } from './start.ts'

/** Every field and model that a plan may have. */
const PLAN = {
  currency: 'USD',
  credit_rate: '0.01',
  meters: [
    {
      meter: 'input_tokens',
      filter: { model: 'claude-*' },
      model: 'per_unit',
      unit_price: '0.003',
      per: '1000',
    },
    {
      meter: 'output_tokens',
      model: 'graduated',
      tiers: [
        { up_to: '1000', unit_price: '0.015', per: '1000' },
        { up_to: null, unit_price: '0.012', per: '1000', flat: '0.5' },
      ],
    },
    { meter: 'reasoning_steps', model: 'per_unit', unit_price: '0.006' },
    {
      meter: 'tool_calls',
      filter: { tool: 'db.query' },
      model: 'package',
      package_size: '10',
      package_price: '1',
    },
    {
      meter: 'model_calls',
      model: 'volume',
      tiers: [
        { up_to: '3', unit_price: '1' },
        { up_to: null, unit_price: '0.5' },
      ],
    },
    { meter: 'traces', model: 'flat', flat: '9', zero_usage: 'flat' },
    { meter: 'cogs', model: 'cost_plus', markup_pct: '40' },
  ],
  included: [{ meter: 'input_tokens', quantity: '1000' }],
  minimum: '0',
  maximum: '1000',
  discount_pct: '0',
  commitment: { amount: '20' },
  bill_as: 'credits',
  overage: { unit_price: '0.012' },
}

let api: RunningApi

beforeAll(async () => {
  api = await startApi()
  api.clock = NOON
  await api.put('/v1/plans/pro', PLAN)
  await api.put('/v1/customers/acme', {})
  await api.put('/v1/customers/acme/subscription', { plan: 'pro', from: '2026-01-01T00:00:00Z' })
})
afterAll(() => api.stop())

const ask = (body: object, headers?: Record<string, string>) => api.post('/v1/quote', body, headers)

describe('a quote', () => {
  test('by the id of a plan is a period’s price', async () => {
    const { status, body } = await ask({ plan: 'pro', usage: { output_tokens: '2000', tool_calls: '11' } })
    expect(status).toBe(200)
    expect(body).toEqual({
      plan_id: 'pro',
      version: 1,
      customer: null,
      period_start: null,
      currency: 'USD',
      price: '20',
      invoice_total: '20',
      credits: '252.7',
      lines: [
        { meter: 'output_tokens', meter_no: 1, from: '0', quantity: '2000', amount: '0.527' },
        { meter: 'tool_calls', meter_no: 3, from: '0', quantity: '11', amount: '2' },
      ],
      adjustments: [
        { kind: 'standing', meter: 'traces', amount: '9' },
        { kind: 'commitment_true_up', meter: null, amount: '8.473' },
      ],
      uncharged: [],
    })
  })

  test('of a plan that is not kept anywhere has no version', async () => {
    const plan = { currency: 'USD', meters: [{ meter: 'traces', model: 'per_unit', unit_price: '0.333' }] }
    const { body } = await ask({ plan, usage: { traces: '1', tool_calls: '2' } })
    expect(body).toMatchObject({
      plan_id: null,
      version: null,
      price: '0.333',
      invoice_total: '0.33',
      credits: null,
    })
    expect(body.uncharged).toEqual([{ meter: 'tool_calls', quantity: '2' }])
  })

  test('for a customer is what the next event is then charged', async () => {
    for (const [meter, unitPrice] of [
      ['input_uncached', '0.000003'],
      ['output', '0.000015'],
    ] as const) {
      const model = 'claude-sonnet-4-5-20250929'
      await storeOverride(api.database.pool, { provider: 'anthropic', model, meter, unitPrice })
    }
    const rater = createRater({ pool: api.database.pool })
    const assembly = assemblyOf({
      calls: [1, 2].map((no) =>
        modelCall(no, { buckets: { ...NO_TOKENS, inputUncached: 900, outputText: 700 }, reasoningSteps: 1 }),
      ),
      tools: Array.from({ length: 7 }, (_, no) => toolCall(10 + no, 'db.query')),
    })
    const usage = {
      input_tokens: '1800',
      output_tokens: '1400',
      reasoning_steps: '2',
      tool_calls: '7',
      model_calls: '2',
    }
    for (const traceNo of [1, 2, 3]) {
      const cost = await rate(rater, traceNo, assembly, false)
      const { body } = await ask({ customer: 'acme', usage: { ...usage, traces: '1', cogs: cost } })
      expect(body).toMatchObject({ plan_id: 'pro', version: 1, period_start: '2026-11-01T00:00:00.000Z' })
      const quoted = body.lines.map((line: { meter_no: number; amount: string }) => [
        line.meter_no,
        line.amount,
      ])
      expect(await rate(rater, traceNo + 100, assembly, true)).toEqual(quoted)
    }
  })

  test('names the fields at fault', async () => {
    const faults = async (body: object) =>
      (await ask(body)).body.faults.map((fault: { path: string }) => fault.path)
    expect(await faults({ usage: {} })).toEqual(['/plan'])
    expect(await faults({ plan: 'pro', usage: { words: '1', traces: 1 } })).toEqual([
      '/usage/traces',
      '/usage/words',
    ])
    expect(await faults({ plan: 'pro' })).toEqual(['/usage'])
    expect(await faults({ plan: 'pro', usage: { input_tokens: '1', cache_read_tokens: '2' } })).toEqual([
      '/usage/input_tokens',
    ])
    const plan = { currency: 'USD', meters: [{ meter: 'traces', model: 'per_unit', unit_price: '-1' }] }
    expect(await faults({ plan, usage: {} })).toEqual(['/plan/meters/0/unit_price'])
    expect(await faults({ plan: { meters: 1 }, usage: {} })).toEqual(['/plan/currency', '/plan/meters'])
    expect((await ask({ plan: 'none', usage: {} })).status).toBe(404)
    expect((await ask({ customer: 'nobody', usage: {} })).status).toBe(404)
  })

  test('is by the version in force, also where a later one is written already', async () => {
    const meter = { meter: 'traces', model: 'per_unit', unit_price: '1' }
    const plan = { currency: 'USD', meters: [meter] }
    await api.put('/v1/plans/later', plan)
    const dearer = { ...plan, meters: [{ ...meter, unit_price: '2' }] }
    const put = () => api.put('/v1/plans/later?from=2027-01-01T00:00:00Z', dearer)
    expect(await put()).toMatchObject({
      status: 201,
      body: { version: 2, effective_from: '2027-01-01T00:00:00.000Z' },
    })
    expect(await put(), 'said again').toMatchObject({ status: 200, body: { version: 2 } })
    const price = async () => (await ask({ plan: 'later', usage: { traces: '1' } })).body.price
    expect(await price()).toBe('1')
    api.clock = new Date('2027-01-01T00:00:00Z')
    expect(await price()).toBe('2')
    api.clock = NOON
    const past = await api.put('/v1/plans/later?from=2026-01-01T00:00:00Z', plan)
    expect(past).toMatchObject({ status: 400, body: { faults: [{ path: '/from' }] } })
  })
})

test('reading is enough to ask', async () => {
  const own = await startApi()
  try {
    const read = await createKey(own.database.pool, { tenantId: 'acme', role: 'read' })
    const headers = { authorization: `Bearer ${read.secret}` }
    const body = { plan: { currency: 'USD', meters: [] }, usage: {} }
    expect((await own.post('/v1/quote', body, headers)).status).toBe(200)
    expect((await own.put('/v1/plans/x', body.plan, headers)).status).toBe(403)
  } finally {
    await own.stop()
  }
})

/** Rates an event of the customer, or of nobody, and returns its charges by meter, or what it costs us. */
async function rate(
  rater: ReturnType<typeof createRater>,
  traceNo: number,
  assembly: ReturnType<typeof assemblyOf>,
  isCharged: boolean,
) {
  const { pool } = api.database
  const eventId = await storeEvent(pool, { traceNo, customer: isCharged ? 'acme' : null, assembly })
  await rater.rate(NOON)
  const { rows } = isCharged
    ? await pool.query(
        `select meter_no, trim_scale(sum(amount))::text as amount from aforo_store.price_lines
         where event_id = $1 group by 1 order by 1`,
        [eventId],
      )
    : await pool.query(
        `select trim_scale(coalesce(sum(amount), 0))::text as amount from aforo_store.cost_lines where event_id = $1`,
        [eventId],
      )
  return isCharged ? rows.map((row) => [row.meter_no, row.amount]) : rows[0].amount
}

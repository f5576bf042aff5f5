import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSimulator } from '../../cmd/simulate/simulator.ts'
import { simulationText } from '../../cmd/simulate.ts'
import type { SimulationOrder } from '../../core/simulation.ts'
import { NO_TOKENS } from '../../core/usage.ts'
import { createRater } from '../../rating/rater.ts'
import { createKey } from '../../schema/keys.ts'
import { assemblyOf, modelCall, NOON, storeCustomer, storeEvent, storePlan } from '../rating/events.ts'
import { type RunningApi, startApi } from './start.ts'

let api: RunningApi

beforeAll(async () => {
  api = await startApi()
  api.clock = new Date('2026-12-02T12:00:00Z')
  const { pool } = api.database
  await storePlan(pool, 'team', plan('0.01'))
  for (const customer of ['acme', 'globex']) await storeCustomer(pool, customer, 'team')
  for (const [no, customer] of ['acme', 'globex', 'globex'].entries()) {
    const call = modelCall(1, { buckets: { ...NO_TOKENS, inputUncached: 1_000 } })
    await storeEvent(pool, { traceNo: no + 1, customer, assembly: assemblyOf({ calls: [call] }) })
  }
  await createRater({ pool }).rate(NOON)
})
afterAll(() => api.stop())

const plan = (unit_price: string) => ({
  currency: 'USD',
  meters: [{ meter: 'input_tokens', model: 'per_unit', unit_price }],
})
const span = { from: '2026-11-01T00:00:00Z', to: '2026-12-01T00:00:00Z' }
const simulateWith = (body: object) => api.post('/v1/simulations', { ...span, ...body })

test('answers by customer and model as the document says, for a key that may only read', async () => {
  const { status, body } = await simulateWith({ plan: plan('0.02') })
  expect(status).toBe(200)
  expect(body).toMatchObject({
    events: 3,
    totals: { before: { revenue: '30' }, after: { revenue: '60', cogs: null }, revenue_change: '30' },
    booked: { charges: '30', charges_difference: '0' },
    customers: [
      { customer: 'globex', revenue_change: '20' },
      { customer: 'acme', revenue_change: '10' },
    ],
  })
  const document = (await api.get('/openapi.json')).body
  const { schema } = document.paths['/v1/simulations'].post.responses['200'].content['application/json']
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema)
  validate(body)
  expect(validate.errors).toBeNull()
  expect(simulationText(body)).toMatch(/^globex +\$20\.000 +\$20\.000 +unknown/m)
})

describe('is refused with all faults by their path', () => {
  test.each<[string, object, readonly string[]]>([
    ['a span that ends before it begins', { to: span.from, token_ratio: '2' }, ['/to', '/token_ratio']],
    ['a span too long', { to: '2028-01-01T00:00:00Z' }, ['/to']],
    ['a plan that is none', { plan: { currency: 'USD', meters: [{}] } }, ['/plan/meters/0/model']],
    [
      'plans of customers',
      { customers: ['acme', { customer: 'globex', plan: plan('-1') }] },
      ['/customers/1/plan/meters/0/unit_price'],
    ],
    ['a customer named twice', { customers: ['acme', 'acme'] }, ['/customers/1']],
    ['no customers', { customers: [] }, ['/customers']],
    ['a ratio of nothing', { model_map: { a: 'b' }, token_ratio: '0' }, ['/token_ratio']],
    [
      'a range turned round',
      { model_map: { a: 'b' }, token_ratio: { min: '1.2', max: '0.9' } },
      ['/token_ratio/max'],
    ],
    [
      'too many models',
      { model_map: Object.fromEntries(Array.from({ length: 101 }, (_, no) => [`m${no}`, 'x'])) },
      ['/model_map'],
    ],
    ['a mark-up below zero', { markup_pct: '-5' }, ['/markup_pct']],
    ['a field nobody knows', { markup: '5' }, ['/markup']],
  ])('%s', async (_what, body, paths) => {
    const { status, body: problem } = await simulateWith(body)
    expect(status).toBe(400)
    expect(problem.faults.map(({ path }: { path: string }) => path)).toEqual(paths)
  })

  test('or a plan or customer that is not there', async () => {
    expect((await simulateWith({ plan: 'none' })).status).toBe(404)
    expect((await simulateWith({ plan: { id: 'team', version: 7 } })).status).toBe(404)
    expect((await simulateWith({ customers: ['nobody'] })).status).toBe(404)
  })
})

describe('in a thread of its own', () => {
  const order: SimulationOrder = {
    tenantId: 'default',
    ...span,
    now: '2026-12-02T00:00:00Z',
    plan: null,
    customers: null,
    switches: [],
    tokenRatios: ['1'],
    markupPct: null,
    eventsMax: null,
  }
  const heard = () => new AbortController().signal

  test('says the same, one at a time', async () => {
    const simulate = createSimulator(api.database.url)
    const first = simulate(order, heard())
    await expect(simulate(order, heard())).rejects.toMatchObject({ code: 'unavailable' })
    expect(await first).toEqual((await simulateWith({})).body)
    await expect(simulate({ ...order, eventsMax: 2 }, heard())).rejects.toMatchObject({
      code: 'invalid_argument',
      faults: [{ path: '/to' }],
    })
    await expect(simulate(order, AbortSignal.abort())).rejects.toMatchObject({ code: 'unavailable' })
    expect((await simulate(order, heard())).events).toBe(3)
  })
})

test('over several currencies is refused, and says whose plan it is; over those of one it is not', async () => {
  const own = await startApi()
  try {
    const { pool } = own.database
    own.clock = new Date('2026-12-02T12:00:00Z')
    await storePlan(pool, 'dollars', plan('0.01'))
    await storePlan(pool, 'euros', { ...plan('0.01'), currency: 'EUR' })
    for (const [no, [customer, planId]] of [
      ['acme', 'dollars'],
      ['globex', 'euros'],
    ].entries()) {
      await storeCustomer(pool, customer!, planId)
      const call = modelCall(1, { buckets: { ...NO_TOKENS, inputUncached: 1_000 } })
      await storeEvent(pool, {
        traceNo: no + 1,
        customer: customer!,
        assembly: assemblyOf({ calls: [call] }),
      })
    }
    await createRater({ pool }).rate(NOON)
    const ask = (body: object) => own.post('/v1/simulations', { ...span, ...body })
    const told = { status: 400, body: { detail: 'plan euros is in EUR: simulations are in USD' } }
    expect(await ask({})).toMatchObject(told)
    expect(await ask({ customers: ['acme', 'globex'] })).toMatchObject(told)
    expect(await ask({ customers: ['acme'], plan: 'euros' })).toMatchObject({ status: 400 })
    expect(await ask({ plan: { ...plan('1'), currency: 'EUR' }, customers: ['acme'] })).toMatchObject({
      status: 400,
    })
    expect(await ask({ customers: ['acme'] })).toMatchObject({
      status: 200,
      body: { totals: { before: { revenue: '10' } } },
    })
  } finally {
    await own.stop()
  }
})

test('ends with the connection of its client', async () => {
  const { pool } = api.database
  // Nothing may be read of it until it is let go: so the simulation is under way when its client goes.
  const holder = await pool.connect()
  await holder.query('begin; lock table aforo_store.event_lines in access exclusive mode')
  const client = new AbortController()
  const asked = api.send('/v1/simulations', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(span),
    signal: client.signal,
  })
  const waiting = async () => {
    const { rows } = await pool.query<{ count: number }>(
      `select count(*)::integer as count from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rows[0]!.count
  }
  await expect.poll(waiting).toBe(1)
  client.abort()
  await expect(asked).rejects.toThrow()
  await expect.poll(waiting).toBe(0)
  await holder.query('rollback')
  holder.release()
})

test('reading is enough, and no less', async () => {
  const own = await startApi()
  try {
    const read = await createKey(own.database.pool, { tenantId: 'acme', role: 'read' })
    const ingest = await createKey(own.database.pool, { tenantId: 'acme', role: 'ingest' })
    const ask = (secret: string) => own.post('/v1/simulations', span, { authorization: `Bearer ${secret}` })
    expect((await ask(read.secret)).status).toBe(200)
    expect((await ask(ingest.secret)).status).toBe(403)
  } finally {
    await own.stop()
  }
})

test('what is due with a period is what its invoice bills, to the last digit, where plan and version change', async () => {
  const own = await startApi()
  try {
    const { pool } = own.database
    own.clock = new Date('2026-12-02T12:00:00Z')
    const fees = (minimum: string, flat: string) => ({
      currency: 'USD',
      minimum,
      discount_pct: '12.5',
      meters: [
        { meter: 'input_tokens', model: 'package', package_size: '700', package_price: '0.01' },
        { meter: 'model_calls', model: 'flat', flat, zero_usage: 'flat' },
      ],
    })
    await storePlan(pool, 'team', fees('20', '9'))
    await storePlan(pool, 'team', fees('70', '11'), '2026-11-12T00:00:00Z')
    await storePlan(pool, 'other', { ...fees('0', '3'), commitment: { amount: '40', overage_factor: '1.5' } })
    for (const customer of ['stays', 'moves', 'idle']) await storeCustomer(pool, customer, 'team')
    await pool.query(
      `insert into aforo_store.subscriptions
         (tenant_id, customer_id, plan_id, effective_from, timezone, anchor_day, recorded_at)
       values ('default', 'moves', 'other', '2026-11-21', 'UTC', 1, '2020-01-02')`,
    )
    for (const [no, day] of [3, 13, 22, 29].entries()) {
      for (const [who, customer] of ['stays', 'moves'].entries()) {
        const call = modelCall(1, { buckets: { ...NO_TOKENS, inputUncached: 1_234 * (no + 1) } })
        await storeEvent(pool, {
          traceNo: 10 * no + who + 1,
          customer,
          time: new Date(Date.UTC(2026, 10, day, 12)),
          assembly: assemblyOf({ calls: [call] }),
        })
      }
    }
    await createRater({ pool }).rate(NOON)
    const { body } = await own.post('/v1/simulations', span)
    const simulated: Record<string, string> = {}
    for (const { customer, before } of body.customers) simulated[customer] = before.revenue
    const billed: Record<string, string> = {}
    for (const customer of ['stays', 'moves', 'idle']) {
      const invoice = await own.post('/v1/invoices', { customer, period_from: span.from, period_to: span.to })
      expect(invoice.status, JSON.stringify(invoice.body)).toBe(201)
      const { rows } = await pool.query(
        'select trim_scale(amount_exact)::text as amount from aforo_store.invoices where customer_id = $1',
        [customer],
      )
      billed[customer] = rows[0].amount
    }
    expect(Object.values(billed)).not.toContain('0')
    expect(simulated).toEqual(billed)
  } finally {
    await own.stop()
  }
})

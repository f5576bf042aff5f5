import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { seed, seedException } from './seed.ts'
import { type RunningApi, startApi, trace } from './start.ts'

const PLAN = {
  currency: 'USD',
  meters: [{ meter: 'input_tokens', model: 'per_unit', unit_price: '0.000003' }],
}

let api: RunningApi

beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api.stop())
beforeEach(() => {
  api.clock = new Date('2026-03-02T12:00:00.000Z')
})

describe('customers', () => {
  test('are made, named anew and listed by id', async () => {
    const made = await api.put('/v1/customers/Zoë%20%2F%20Söhne', { name: 'Zoë' })
    expect(made.status).toBe(201)
    expect(made.body).toEqual({
      customer_id: 'Zoë / Söhne',
      name: 'Zoë',
      address: null,
      tax_id: null,
      tax_rate_pct: null,
      tax_label: null,
      recorded_at: '2026-03-02T12:00:00.000Z',
    })
    const renamed = await api.put('/v1/customers/Zoë%20%2F%20Söhne', { name: 'Zoë & Co' })
    expect(renamed).toMatchObject({ status: 200, body: { name: 'Zoë & Co' } })
    expect((await api.put('/v1/customers/Zoë%20%2F%20Söhne', {})).body.name, 'no name keeps it').toBe(
      'Zoë & Co',
    )
    expect((await api.put('/v1/customers/Zoë%20%2F%20Söhne', { name: null })).body.name).toBeNull()
    for (const id of ['a', 'B', 'b']) await api.put(`/v1/customers/${id}`, {})
    const first = (await api.get('/v1/customers?limit=3')).body
    const rest = (await api.get(`/v1/customers?limit=3&cursor=${first.next_cursor}`)).body
    expect([...first.data, ...rest.data].map((row: { customer_id: string }) => row.customer_id)).toEqual([
      'B',
      'Zoë / Söhne',
      'a',
      'b',
    ])
    expect(rest.next_cursor).toBeNull()
  })
})

describe('plans', () => {
  test('get a new version only when they say something else', async () => {
    const first = await api.put('/v1/plans/basic', PLAN)
    expect(first).toMatchObject({ status: 201, body: { plan_id: 'basic', version: 1, ...PLAN } })
    const reordered = {
      meters: [{ unit_price: '0.000003', model: 'per_unit', meter: 'input_tokens' }],
      currency: 'USD',
    }
    expect(await api.put('/v1/plans/basic', reordered)).toMatchObject({ status: 200, body: { version: 1 } })
    api.clock = new Date('2026-03-03T00:00:00.000Z')
    const second = await api.put('/v1/plans/basic', { ...PLAN, credit_rate: '0.01' })
    expect(second.body).toMatchObject({ version: 2, effective_from: '2026-03-03T00:00:00.000Z' })
    expect((await api.get('/v1/plans/basic')).body).toEqual(second.body)
    expect((await api.get('/v1/plans/basic?version=1')).body).toEqual(first.body)
    expect((await api.get('/v1/plans/basic?version=3')).status).toBe(404)
    expect(await api.put('/v1/plans/basic', second.body), 'what was read can be sent').toMatchObject({
      status: 200,
      body: { version: 2 },
    })
    await api.put('/v1/plans/other', PLAN)
    const { data } = (await api.get('/v1/plans')).body
    expect(data.map((row: { plan_id: string; version: number }) => [row.plan_id, row.version])).toEqual([
      ['basic', 2],
      ['other', 1],
    ])
  })

  test('written by many at once get no version twice', async () => {
    const bodies = Array.from({ length: 8 }, (_, i) => ({ ...PLAN, credit_rate: `0.0${i + 1}` }))
    const answers = await Promise.all(bodies.map((body) => api.put('/v1/plans/raced', body)))
    expect(answers.map((answer) => answer.body.version).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })
})

describe('a subscription', () => {
  const path = '/v1/customers/sub/subscription'

  test('takes over at its instant and changes nothing before', async () => {
    await api.put('/v1/customers/sub', {})
    for (const plan of ['one', 'two']) await api.put(`/v1/plans/${plan}`, PLAN)
    const one = await api.put(path, { plan: 'one', from: '2026-01-01T00:00:00+01:00' })
    expect(one).toMatchObject({
      status: 201,
      body: {
        customer: 'sub',
        plan: 'one',
        from: '2025-12-31T23:00:00.000Z',
        timezone: 'UTC',
        anchor_day: 1,
      },
    })
    const again = await api.put(path, { plan: 'one', from: '2025-12-31T23:00:00Z' })
    expect(again).toMatchObject({ status: 200, body: { subscription_id: one.body.subscription_id } })
    const two = { plan: 'two', from: '2026-06-01T00:00:00Z', timezone: 'Europe/Madrid', anchor_day: 31 }
    expect((await api.put(path, two)).status).toBe(201)
    expect((await api.get(path)).body.plan).toBe('one')
    expect((await api.get(`${path}?at=2026-06-01T00:00:00Z`)).body).toMatchObject({
      ...two,
      from: expect.anything(),
    })
    expect((await api.get(`${path}?at=2025-01-01T00:00:00Z`)).status).toBe(404)
    const corrected = await api.put(path, { ...two, plan: 'one' })
    expect(corrected.status, 'the same instant, said later').toBe(201)
    expect((await api.get(`${path}?at=2026-07-01T00:00:00Z`)).body.plan).toBe('one')
  })

  test('to another plan keeps the calendar of the one before, unless it names another', async () => {
    await api.put('/v1/customers/moved', {})
    const moved = '/v1/customers/moved/subscription'
    const calendar = { timezone: 'America/New_York', anchor_day: 31 }
    await api.put(moved, { plan: 'one', from: '2026-01-31T05:00:00Z', ...calendar })
    const second = { plan: 'two', from: '2026-02-10T05:00:00Z' }
    const change = await api.put(moved, second)
    expect(change).toMatchObject({ status: 201, body: { plan: 'two', ...calendar } })
    expect(await api.put(moved, second), 'again').toMatchObject({ status: 200, body: change.body })
    const other = await api.put(moved, {
      plan: 'one',
      from: '2026-03-01T05:00:00Z',
      timezone: 'UTC',
      anchor_day: 1,
    })
    expect(other.body).toMatchObject({ timezone: 'UTC', anchor_day: 1 })
    const between = await api.put(moved, { plan: 'one', from: '2026-02-20T05:00:00Z', anchor_day: 15 })
    expect(between.body, 'as then, not as last').toMatchObject({
      timezone: 'America/New_York',
      anchor_day: 15,
    })
  })

  test('needs a time zone that there is', async () => {
    const body = { plan: 'one', from: '2026-01-01T00:00:00Z', timezone: 'Mars/Olympus' }
    expect(await api.put(path, body)).toMatchObject({
      status: 400,
      body: { faults: [{ path: '/timezone' }] },
    })
  })
})

describe('a customer or subscription that arrives', () => {
  const completed = async () => {
    const { rows } = await api.database.pool.query<{ trace: string }>(
      `update aforo_store.traces set completed = false
       where completed and cut_due_at <= $1 returning encode(trace_id, 'hex') as trace`,
      [api.clock],
    )
    return rows.map((row) => row.trace).sort()
  }

  test('completes the events that waited for it, and no other', async () => {
    const waiting = [
      { no: 1, customer: 'late', time: '2026-01-10T00:00:00Z' },
      { no: 2, customer: 'late', time: '2026-02-10T00:00:00Z' },
      { no: 3, customer: 'someone', time: '2026-02-10T00:00:00Z' },
      { no: 4, customer: 'late', time: '2026-02-10T00:00:00Z' },
    ]
    for (const { no, customer, time } of waiting) {
      await seed(api.database.pool, { traceId: trace(no), customer, time })
      await seedException(api.database.pool, {
        traceId: trace(no),
        exceptionId: `u${no}`,
        kind: 'unattributed',
        customer_id: customer,
        resolved_at: no === 4 ? '2026-02-11T00:00:00Z' : null,
      })
    }
    await seed(api.database.pool, { tenantId: 'other', traceId: trace(1), customer: 'late' })
    await api.put('/v1/customers/late', {})
    expect(await completed()).toEqual([trace(1), trace(2)])
    await api.put('/v1/customers/late', { name: 'again' })
    expect(await completed(), 'it was there already').toEqual([])
    await api.put('/v1/customers/late/subscription', { plan: 'one', from: '2026-02-01T00:00:00Z' })
    expect(await completed(), 'only usage from then on').toEqual([trace(2)])
  })
})

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { NO_TOKENS } from '../../core/usage.ts'
import { TOP_UP_BATCH_MAX, topUpDue } from '../../rating/ledger/top-up-due.ts'
import { PLAN_GRANTS_MAX } from '../../rating/plans/plan.ts'
import { createRater } from '../../rating/rater.ts'
import { assemblyOf, modelCall, NOON, storeEvent } from '../rating/events.ts'
import { type RunningApi, startApi } from './start.ts'

/** One input token is one credit. */
const PLAN = {
  currency: 'USD',
  credit_rate: '0.01',
  bill_as: 'credits',
  meters: [{ meter: 'input_tokens', model: 'per_unit', unit_price: '0.01' }],
}
const RULE = { threshold: '10', amount: '50', requests_max: 2, window_seconds: 86_400, cooldown_seconds: 60 }

let api: RunningApi
let traceNo = 0
beforeAll(async () => {
  api = await startApi()
  await api.put('/v1/plans/credits', PLAN)
  await api.put('/v1/webhooks/shop', { url: 'https://shop.example/', events: ['credits.top_up_requested'] })
})
afterAll(() => api.stop())
beforeEach(() => {
  api.clock = NOON
})

async function customer(id: string, amount: string): Promise<string> {
  const path = `/v1/customers/${id}`
  await api.put(path, {})
  await api.put(`${path}/subscription`, { plan: 'credits', from: '2026-11-01T00:00:00Z' })
  await api.post(`${path}/grants`, { amount, kind: 'paid' })
  return path
}

async function store(customerId: string, tokens: number): Promise<void> {
  const buckets = { ...NO_TOKENS, inputUncached: tokens }
  const assembly = assemblyOf({ calls: [modelCall(1, { buckets })] })
  await storeEvent(api.database.pool, {
    traceNo: ++traceNo,
    customer: customerId,
    recordedAt: api.clock,
    assembly,
  })
}

async function use(customerId: string, tokens: number): Promise<void> {
  await store(customerId, tokens)
  await createRater({ pool: api.database.pool }).rate(api.clock)
}

async function told(customerId: string): Promise<{ message_id: string; data: Record<string, string> }[]> {
  const { data } = (await api.get('/v1/webhooks/shop/deliveries?limit=500')).body
  return data.filter((row: { data: { customer: string } }) => row.data.customer === customerId)
}

const later = (seconds: number) => {
  api.clock = new Date(api.clock.getTime() + seconds * 1000)
}

test('a balance below the threshold is told once, with what to answer', async () => {
  const path = await customer('once', '20')
  const { status, body } = await api.put(`${path}/top-up`, RULE)
  expect([status, body]).toEqual([
    200,
    { customer: 'once', ...RULE, recorded_at: api.clock.toISOString(), requests: [] },
  ])
  await use('once', 10)
  expect(await told('once'), 'at the threshold').toEqual([])
  await use('once', 1)
  await use('once', 1)
  await use('once', 30)
  const [message, ...more] = await told('once')
  expect(more).toEqual([])
  expect(message!.data).toEqual({
    request_id: message!.message_id,
    customer: 'once',
    balance: '9',
    threshold: '10',
    amount: '50',
  })
  const grant = { amount: message!.data.amount, kind: 'paid' }
  const key = { 'idempotency-key': message!.data.request_id! }
  for (let no = 0; no < 2; no++) {
    expect((await api.post(`${path}/grants`, grant, key)).status).toBe(201)
  }
  expect((await api.get(`${path}/balance`)).body.balance).toBe('50')
  expect((await api.get(`${path}/top-up`)).body.requests).toEqual([
    {
      request_id: message!.message_id,
      balance: '9',
      threshold: '10',
      amount: '50',
      recorded_at: api.clock.toISOString(),
    },
  ])
})

test('what goes unanswered is asked for again after the cooldown, within the limit of the window', async () => {
  const path = await customer('silent', '20')
  await api.put(`${path}/top-up`, RULE)
  await use('silent', 15)
  later(59)
  await topUpDue(api.database.pool, api.clock)
  expect((await told('silent')).length).toBe(1)
  later(1)
  expect(await topUpDue(api.database.pool, api.clock)).toBeGreaterThan(0)
  expect((await told('silent')).length).toBe(2)
  later(3600)
  await use('silent', 2)
  await topUpDue(api.database.pool, api.clock)
  expect((await told('silent')).length, 'the window has two').toBe(2)
  api.clock = NOON
  later(86_400)
  expect(await topUpDue(api.database.pool, api.clock)).toBeGreaterThan(0)
  expect((await told('silent')).length).toBe(3)
  expect(new Set((await told('silent')).map((each) => each.message_id)).size).toBe(3)
  expect(await topUpDue(api.database.pool, api.clock), 'nothing is looked at again at once').toBe(0)
})

test('many debits, raters and looks at once ask once', async () => {
  const path = await customer('raced', '100')
  await api.put(`${path}/top-up`, RULE)
  for (let no = 0; no < 40; no++) await store('raced', 3)
  const { pool } = api.database
  await Promise.all([
    ...Array.from({ length: 4 }, async () => {
      while ((await createRater({ pool }).rate(api.clock, 3)) > 0);
    }),
    ...Array.from({ length: 4 }, () => topUpDue(pool, api.clock)),
  ])
  while ((await createRater({ pool }).rate(api.clock)) > 0);
  expect((await api.get(`${path}/balance`)).body).toMatchObject({ used: '120', overage: '20' })
  expect((await told('raced')).length).toBe(1)
})

test('a rule for who has run out already asks at once; none asks for nothing', async () => {
  const path = await customer('late', '5')
  expect((await api.get(`${path}/top-up`)).status).toBe(404)
  await api.put(`${path}/top-up`, RULE)
  expect((await told('late')).length).toBe(1)
  expect((await api.send(`${path}/top-up`, { method: 'DELETE' })).body.requests.length).toBe(1)
  later(3600)
  await use('late', 5)
  expect((await told('late')).length).toBe(1)
  await api.put(`${path}/top-up`, RULE)
  expect((await told('late')).length, 'what was asked for before counts').toBe(2)
})

test('credits that do not pay yet do not count', async () => {
  const path = await customer('upcoming', '20')
  await api.post(`${path}/grants`, { amount: '1000', kind: 'paid', effective_at: '2027-01-01T00:00:00Z' })
  await api.put(`${path}/top-up`, RULE)
  await use('upcoming', 15)
  expect((await told('upcoming')).map(({ data }) => data.balance)).toEqual(['5'])
})

test.each([
  ['no amount', { amount: '0' }, '/amount'],
  ['a negative threshold', { threshold: '-1' }, '/threshold'],
  ['no request at all', { requests_max: 0 }, '/requests_max'],
  ['too many requests', { requests_max: 101 }, '/requests_max'],
  ['no window', { window_seconds: 0 }, '/window_seconds'],
])('a rule with %s is refused', async (_, said, path) => {
  const customerPath = await customer('refused', '1')
  const answer = await api.put(`${customerPath}/top-up`, { ...RULE, ...said })
  expect(answer).toMatchObject({ status: 400, body: { faults: [{ path }] } })
})

test('one look takes a bounded number of customers', async () => {
  await api.database.pool.query(
    `with customers as (
       insert into aforo_store.customers select 'bulk', 'c' || no, null, now() from generate_series(0, $1::integer) no
       returning customer_id)
     insert into aforo_store.credit_top_up_rules
     select 'bulk', customer_id, 10, 50, 1, 86400, 60, $2, $2 from customers`,
    [TOP_UP_BATCH_MAX, NOON],
  )
  later(86_400 * 30)
  const looks: number[] = []
  for (let looked = 1; looked > 0; looks.push(looked)) looked = await topUpDue(api.database.pool, api.clock)
  expect(Math.max(...looks)).toBe(TOP_UP_BATCH_MAX)
  expect(looks.reduce((a, b) => a + b)).toBeGreaterThan(TOP_UP_BATCH_MAX)
})

describe('a grant', () => {
  test('is taken back over REST, and the ledger says so', async () => {
    const path = await customer('void', '30')
    await use('void', 10)
    const [{ grant_id: id }] = (await api.get(`${path}/balance`)).body.grants
    expect(await api.post(`${path}/grants/${id}/void`, {})).toMatchObject({
      status: 200,
      body: { grant_id: id, voided: '20' },
    })
    expect((await api.get(`${path}/balance`)).body).toMatchObject({
      balance: '0',
      granted: '10',
      used: '10',
      grants: [],
    })
    const [entry] = (await api.get(`${path}/ledger`)).body.data
    expect(entry).toMatchObject({ kind: 'void', amount: '20', change: '-20', balance: '0', grant_id: id })
    expect((await api.post(`${path}/grants/${id}/void`, {})).status).toBe(409)
    expect((await api.post(`${path}/grants/1/void`, {})).status).toBe(404)
    expect((await api.post(`${path}/grants/x/void`, {})).status).toBe(404)
  })

  test('of a plan that makes no sense is refused, all faults at once', async () => {
    const grants = [
      { name: 'a', amount: '5', rollover: { max: '3', min: '4' } },
      { name: 'a', amount: '0' },
      { name: 'b', amount: '5', expires: 'never', rollover: { max: '1' } },
    ]
    const faultsOf = async (said: object) => {
      const { status, body } = await api.put('/v1/plans/bad', { ...PLAN, ...said })
      return [status, body.faults.map(({ path }: { path: string }) => path).sort()]
    }
    expect(await faultsOf({ grants })).toEqual([
      400,
      ['/grants/0/rollover/max', '/grants/1/amount', '/grants/1/name', '/grants/2/rollover'],
    ])
    expect(await faultsOf({ bill_as: 'money', grants: [{ name: 'a', amount: '5' }] })).toEqual([
      400,
      ['/grants'],
    ])
    const many = Array.from({ length: PLAN_GRANTS_MAX + 1 }, (_, no) => ({ name: `g${no}`, amount: '1' }))
    expect(await faultsOf({ grants: many })).toEqual([400, ['/grants']])
    expect((await api.put('/v1/plans/good', { ...PLAN, grants: many.slice(1) })).status).toBe(201)
  })
})

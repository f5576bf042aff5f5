import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { BUDGETS_MAX } from '../../schema/budgets/define.ts'
import { type RunningApi, startApi } from './start.ts'

let api: RunningApi

beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api.stop())
beforeEach(() => {
  api.clock = new Date('2026-03-02T12:00:00.000Z')
})

const BUDGET = { scope: { customer: 'acme' }, unit: 'price', limit: '50', window: 'month', mode: 'hard' }

test('a budget is written, read, written anew, ended and begun again', async () => {
  const made = await api.put('/v1/budgets/acme', { ...BUDGET, scope: { customer: 'acme', product: null } })
  expect(made).toMatchObject({ status: 201, body: { ...BUDGET, version: 1, on_outage: 'bounded', use: [] } })
  const read = await api.get('/v1/budgets/acme')
  expect(read.body).toEqual(made.body)
  expect(await api.put('/v1/budgets/acme', read.body), 'what was read').toMatchObject({
    status: 200,
    body: { version: 1 },
  })
  expect((await api.put('/v1/budgets/acme', { ...BUDGET, limit: '60' })).body.version).toBe(2)
  expect(await api.send('/v1/budgets/acme', { method: 'DELETE' })).toMatchObject({
    status: 200,
    body: { budget_id: 'acme', version: 3 },
  })
  expect((await api.get('/v1/budgets/acme')).status).toBe(404)
  expect((await api.send('/v1/budgets/acme', { method: 'DELETE' })).status).toBe(404)
  expect((await api.put('/v1/budgets/acme', BUDGET)).body.version).toBe(4)
})

test('lists say what is used, by subject, a page at a time', async () => {
  await api.put('/v1/budgets/b-sessions', {
    scope: { customer: '*' },
    unit: 'tokens',
    limit: '1000',
    window: 'session',
    mode: 'soft',
    warn_at: ['0.5', '0.8'],
  })
  await api.database.pool.query(
    `insert into aforo_store.budget_counters (tenant_id, budget_id, counting_version, subject, window_start, used)
     select 'default', 'b-sessions', 1, '["acme","s' || lpad(no::text, 2, '0') || '"]', '-infinity', no * 100
     from generate_series(1, 12) as no`,
  )
  const { body } = await api.get('/v1/budgets?limit=1')
  expect(body.data[0].budget_id).toBe('acme')
  const [sessions] = (await api.get(`/v1/budgets?cursor=${body.next_cursor}`)).body.data
  expect(sessions).toMatchObject({ budget_id: 'b-sessions', more_use: true })
  expect(sessions.use).toHaveLength(10)
  expect(sessions.use[0]).toEqual({
    subject: { customer: 'acme', session: 's01' },
    window_start: null,
    used: '100',
    limit: '1000',
    share: '0.1000',
    leased: '0',
    held: '0',
    beyond: '0',
    beyond_until: null,
    cogs: null,
    margin_pct: null,
  })
  const first = (await api.get('/v1/budgets/b-sessions/use?limit=11')).body
  const rest = (await api.get(`/v1/budgets/b-sessions/use?limit=11&cursor=${first.next_cursor}`)).body
  expect(rest).toMatchObject({ data: [{ subject: { session: 's12' }, used: '1200' }], next_cursor: null })
  expect((await api.get('/v1/budgets/none/use')).status).toBe(404)
})

test('a wallet is of each customer and hard where it says nothing else', async () => {
  const wallet = { unit: 'credits', window: 'lifetime', limit: 'balance' }
  const made = (await api.put('/v1/budgets/wallets', wallet)).body
  expect(made).toMatchObject({ scope: { customer: '*' }, mode: 'hard' })
  await api.put('/v1/customers/acme', {})
  await api.post('/v1/customers/acme/grants', { amount: '40', kind: 'paid' })
  await api.database.pool.query(
    `insert into aforo_store.budget_counters (tenant_id, budget_id, counting_version, subject, window_start, used)
     values ('default', 'wallets', 1, '["acme"]', '-infinity', 10)`,
  )
  const { body } = await api.get('/v1/budgets/wallets')
  expect(body.use).toMatchObject([{ used: '10', limit: '50', share: '0.2000' }])
})

test.each([
  [{ unit: 'euros' }, '/unit'],
  [{ window: 'week' }, '/window'],
  [{ mode: 'firm' }, '/mode'],
  [{ limit: '-1' }, '/limit'],
  [{ limit: 50 }, '/limit'],
  [{ limit: '1e3' }, '/limit'],
  [{ limit: '1000000000000001' }, '/limit'],
  [{ unit: 'tokens', limit: '1.5' }, '/limit'],
  [{ limit: 'balance' }, '/limit'],
  [{ unit: 'credits', window: 'month', limit: 'balance' }, '/limit'],
  [{ unit: 'credits', window: 'lifetime', limit: 'balance', scope: { product: 'bot' } }, '/scope'],
  [{ scope: { customer: 'ac*' } }, '/scope/customer'],
  [{ scope: { customer: '' } }, '/scope/customer'],
  [{ scope: { team: 'a' } }, '/scope/team'],
  [{ window: 'session', scope: { session: '*' } }, '/scope'],
  [{ warn_at: [] }, '/warn_at'],
  [{ warn_at: ['0.9', '0.8'] }, '/warn_at'],
  [{ warn_at: ['0'] }, '/warn_at/0'],
  [{ warn_at: ['1.1'] }, '/warn_at/0'],
  [{ warn_at: Array.from({ length: 11 }, (_, no) => `0.${no + 10}`) }, '/warn_at'],
  [{ throttle: { at: '0.9' } }, '/throttle/per_second'],
  [{ throttle: { at: '0.9', per_second: '0' } }, '/throttle/per_second'],
  [{ on_outage: 'panic' }, '/on_outage'],
  [{ estimate: '0' }, '/estimate'],
  [{ hint_model: 'small' }, '/hint_model'],
  [{ floor_after: '1' }, '/floor_after'],
  [{ unit: 'margin_pct', limit: '101' }, '/limit'],
  [{ unit: 'margin_pct', limit: '20', warn_at: ['0.5'] }, '/warn_at'],
  [{ unit: 'margin_pct', limit: '20', throttle: { at: '0.5', per_second: '1' } }, '/throttle'],
  [{ unit: 'margin_pct', limit: '20', estimate: '1' }, '/estimate'],
  [{ colour: 'red' }, '/colour'],
])('%j is refused', async (fields, path) => {
  const answer = await api.put('/v1/budgets/odd', { ...BUDGET, ...fields })
  expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_argument' } })
  expect(answer.body.faults.map((fault: { path: string }) => fault.path)).toContain(path)
})

test('a tenant has so many budgets and not one more', async () => {
  const tenant = { 'x-aforo-tenant': 'many' }
  await api.database.pool.query(
    `insert into aforo_store.budget_versions
     select 'many', 'b' || no, 1, '{"scope":{},"unit":"price","limit":"1","window":"hour","mode":"hard"}', 1, now()
     from generate_series(2, $1) as no`,
    [BUDGETS_MAX],
  )
  expect((await api.put('/v1/budgets/last', BUDGET, tenant)).status).toBe(201)
  expect(await api.put('/v1/budgets/beyond', BUDGET, tenant)).toMatchObject({
    status: 409,
    body: { code: 'conflict' },
  })
  expect((await api.put('/v1/budgets/last', { ...BUDGET, limit: '9' }, tenant)).status).toBe(201)
})

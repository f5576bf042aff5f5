import { afterAll, beforeAll, expect, test } from 'vitest'
import { ALERT_RULES_MAX } from '../../schema/alerts/define.ts'
import { type RunningApi, startApi } from './start.ts'

let api: RunningApi

beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api.stop())

const QUOTA = { kind: 'quota', warn: '0.8', block: '1' }

test('a rule is written, read, written anew, ended and begun again', async () => {
  const made = await api.put('/v1/alert-rules/quotas', QUOTA)
  const filled = { budget: '*', clear_by: '0.02', least_seconds: 60, tell_seconds: 60, kill: false }
  const stands = { open: { warn: 0, block: 0 }, left_out: 0, looked_at: null, failure: null }
  expect(made).toMatchObject({ status: 201, body: { ...QUOTA, ...filled, ...stands, version: 1 } })
  const read = await api.get('/v1/alert-rules/quotas')
  expect(read.body).toEqual(made.body)
  expect(await api.put('/v1/alert-rules/quotas', read.body), 'what was read').toMatchObject({
    status: 200,
    body: { version: 1 },
  })
  expect((await api.put('/v1/alert-rules/quotas', { ...QUOTA, warn: '0.7' })).body.version).toBe(2)
  expect(await api.send('/v1/alert-rules/quotas', { method: 'DELETE' })).toMatchObject({
    status: 200,
    body: { rule_id: 'quotas', version: 3 },
  })
  expect((await api.get('/v1/alert-rules/quotas')).status).toBe(404)
  expect((await api.send('/v1/alert-rules/quotas', { method: 'DELETE' })).status).toBe(404)
  expect((await api.get('/v1/alert-rules')).body.data).toEqual([])
  expect((await api.put('/v1/alert-rules/quotas', QUOTA)).body.version).toBe(4)
})

test('rules and alerts are listed a page at a time, of one tenant', async () => {
  await api.put('/v1/alert-rules/a', QUOTA)
  await api.put('/v1/alert-rules/elsewhere', QUOTA, { 'x-aforo-tenant': 'other' })
  const { body } = await api.get('/v1/alert-rules?limit=1')
  const rest = (await api.get(`/v1/alert-rules?limit=1&cursor=${body.next_cursor}`)).body
  expect([body, rest].map(({ data }) => data[0].rule_id)).toEqual(['a', 'quotas'])
  expect(rest.next_cursor).toBeNull()
  await api.database.pool.query(
    `insert into aforo_store.alerts (tenant_id, rule_id, alert_no, rule_version, kind, subject, about, customer_id,
       previous, state, reason, value, threshold, figures, recorded_at)
     select case when no = 6 then 'other' else 'default' end, 'r' || no % 2, no, 1, 'quota', 'b["acme"]',
       '{"customer": "acme"}', case when no < 3 then 'acme' end, 'ok', case when no < 3 then 'warn' else 'block' end,
       'observed', 0.90, 0.8, '{}', timestamptz '2026-03-01Z' + no / 2 * interval '1 s'
     from generate_series(1, 6) as no`,
  )
  const seen: string[] = []
  for (let path = '/v1/alerts?limit=2'; path !== ''; ) {
    const page = (await api.get(path)).body
    seen.push(...page.data.map((row: { rule: string; alert_no: number }) => `${row.rule}/${row.alert_no}`))
    path = page.next_cursor === null ? '' : `/v1/alerts?limit=2&cursor=${page.next_cursor}`
  }
  expect(seen).toEqual(['r0/4', 'r1/5', 'r0/2', 'r1/3', 'r1/1'])
  const of = async (query: string) =>
    (await api.get(`/v1/alerts?${query}`)).body.data.map(({ alert_no }: { alert_no: number }) => alert_no)
  expect(await of('state=warn')).toEqual([2, 1])
  expect(await of('customer=acme&rule=r1')).toEqual([1])
  expect(await of('open=true')).toEqual([])
  expect(await api.get('/v1/alerts?state=red')).toMatchObject({ status: 400 })
})

test.each([
  [{ kind: 'mood' }, '/kind'],
  [{ warn: 0.8 }, '/warn'],
  [{ warn: '1e3' }, '/warn'],
  [{ warn: '0' }, '/warn'],
  [{ warn: '1001' }, '/warn'],
  [{ warn: undefined, block: undefined }, '/warn'],
  [{ warn: '0.9', block: '0.8' }, '/block'],
  [{ clear_by: '0.8' }, '/clear_by'],
  [{ clear_by: '-0.1' }, '/clear_by'],
  [{ budget: 'a b' }, '/budget'],
  [{ scope: { customer: 'acme' } }, '/scope'],
  [{ window: 'day' }, '/window'],
  [{ judge_from: '1' }, '/judge_from'],
  [{ spend: 'cogs' }, '/spend'],
  [{ least_seconds: -1 }, '/least_seconds'],
  [{ least_seconds: 86_401 }, '/least_seconds'],
  [{ tell_seconds: 0 }, '/tell_seconds'],
  [{ colour: 'red' }, '/colour'],
  [{ kind: 'budget_tripped' }, '/warn'],
  [{ kind: 'wallet_low', warn: '1', block: '2' }, '/block'],
  [{ kind: 'wallet_low', warn: '-1', block: undefined }, '/warn'],
  [{ kind: 'wallet_low', warn: '1', block: '0', scope: {} }, '/scope'],
  [{ kind: 'wallet_low', warn: '1', block: '0', budget: 'b' }, '/budget'],
  [{ kind: 'margin_below', warn: '101', block: '1' }, '/warn'],
  [{ kind: 'margin_below', warn: '2', block: '1', window: 'month' }, '/window'],
  [{ kind: 'margin_below', warn: '2', block: '1', judge_from: '0' }, '/judge_from'],
  [{ kind: 'margin_below', warn: '2', block: '1', scope: { customer: 'a', model: '*' } }, '/scope'],
  [{ kind: 'margin_below', warn: '2', block: '1', scope: { customer: 'a*' } }, '/scope/customer'],
  [{ kind: 'margin_below', warn: '2', block: '1', scope: { team: 'a' } }, '/scope/team'],
  [{ kind: 'margin_below', warn: '2', block: '1', scope: { model: '*' }, kill: true }, '/kill'],
  [{ kind: 'unmetered_share', scope: { model: '*' } }, '/scope/model'],
  [{ kind: 'unpriced_share', block: '1.1' }, '/block'],
  [{ kind: 'spend_anomaly', window: 'week', warn: '4', block: '8' }, '/window'],
])('%j is refused', async (fields, path) => {
  const answer = await api.put('/v1/alert-rules/odd', { ...QUOTA, ...fields })
  expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_argument' } })
  expect(answer.body.faults.map((fault: { path: string }) => fault.path)).toContain(path)
})

test('a tenant has so many rules and not one more', async () => {
  const tenant = { 'x-aforo-tenant': 'many' }
  await api.database.pool.query(
    `insert into aforo_store.alert_rule_versions
     select 'many', 'r' || no, 1, '{"kind":"quota"}', now() from generate_series(2, $1) as no`,
    [ALERT_RULES_MAX],
  )
  expect((await api.put('/v1/alert-rules/last', QUOTA, tenant)).status).toBe(201)
  expect(await api.put('/v1/alert-rules/beyond', QUOTA, tenant)).toMatchObject({
    status: 409,
    body: { code: 'conflict' },
  })
  expect((await api.put('/v1/alert-rules/last', { ...QUOTA, warn: '0.9' }, tenant)).status).toBe(201)
})

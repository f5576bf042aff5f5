import { afterAll, beforeAll, expect, test } from 'vitest'
import { api, until } from '../e2e/client.ts'
import { type AforoProcess, runAforo } from '../e2e/process.ts'
import { post, use } from '../sidecar/start.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { type Endpoint, startEndpoint } from '../webhooks/endpoint.ts'
import { gapsOf } from './world.ts'

/** Alerts of a running Aforo, told to a real endpoint over a death of the process. */

let database: TestDatabase
let aforo: AforoProcess
let ops: Endpoint
const serve = () => runAforo('serve', { DATABASE_URL: database.url })

beforeAll(async () => {
  database = await testDatabase()
  ops = await startEndpoint()
  aforo = await serve()
})
afterAll(async () => {
  await aforo.end('SIGTERM')
  await ops.stop()
  await database.drop()
})

interface Message {
  readonly type: string
  readonly data: {
    readonly rule: string
    readonly alerts: readonly { readonly subject: object; readonly killed?: object }[]
  }
}

test('alerts are told signed, over a death of the process, and an agent and a session that block are stopped', async () => {
  const put = (path: string, body: object) => api(aforo.ports.api!, 'PUT', path, body)
  const { secret } = (await put('/v1/webhooks/ops', { url: ops.url })) as { secret: string }
  await put('/v1/customers/acme', {})
  const scope = { customer: 'acme', agent: '*' }
  await put('/v1/budgets/agents', { scope, unit: 'tokens', limit: '100', window: 'lifetime', mode: 'hard' })
  const floor = {
    scope: { customer: '*' },
    unit: 'margin_pct',
    limit: '20',
    window: 'lifetime',
    mode: 'hard',
  }
  await put('/v1/budgets/floor', floor)
  await put('/v1/alert-rules/quota', { kind: 'quota', budget: 'agents', warn: '0.5', tell_seconds: 1 })
  await put('/v1/alert-rules/tripped', { kind: 'budget_tripped', budget: '*', kill: true, tell_seconds: 1 })
  const messages = () => ops.received.map((received) => ops.verified(received, secret) as Message)
  const told = (rule: string) =>
    messages().filter(({ type, data }) => type.startsWith('alert.') && data.rule === rule)

  await use(database.pool, 'agents', ['triage'], '60')
  const warned = await until(async () => told('quota')[0])
  expect(warned).toMatchObject({ type: 'alert.warned', data: { alerts: [{ subject: { agent: 'triage' } }] } })

  await aforo.end('SIGKILL')
  await use(database.pool, 'agents', ['triage'], '60')
  await database.pool.query(
    `insert into aforo_store.budget_counters (tenant_id, budget_id, counting_version, subject, window_start, used, used_cogs)
     values ('default', 'floor', 1, '["acme"]', '-infinity', 10, 9)`,
  )
  aforo = await serve()
  await until(async () => told('tripped').flatMap(({ data }) => data.alerts).length >= 2 || undefined)
  const blocked = told('tripped')
  expect(blocked.every(({ type }) => type === 'alert.blocked')).toBe(true)
  const stopped = blocked.flatMap(({ data }) =>
    data.alerts.map(({ subject, killed }) => ({ subject, killed })),
  )
  expect(stopped).toContainEqual({
    subject: { budget: 'agents', customer: 'acme', agent: 'triage' },
    killed: { kind: 'agent', id: 'triage' },
  })
  expect(stopped).toContainEqual({
    subject: { budget: 'floor', customer: 'acme' },
    killed: { kind: 'customer', id: 'acme' },
  })
  const check = `http://127.0.0.1:${aforo.ports.check}`
  expect((await post(check, '/v1/check', { customer: 'acme', agent: 'triage' })).body.reason).toBe('killed')
  // At least once, each under its own id; and told once, as the endpoint always answered.
  expect(new Set(ops.received.map(({ id }) => id)).size).toBe(ops.received.length)
  expect(() => ops.verified({ ...ops.received[0]!, body: '{}' }, secret)).toThrow()
  expect(await gapsOf(database.pool)).toEqual([])
})

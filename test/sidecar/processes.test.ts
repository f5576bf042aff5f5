import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AforoProcess, runAforo } from '../e2e/process.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { addCustomer, givenOut, post, putBudget, until } from './start.ts'

const CALLS = 120
const SIDECARS = 3
const CLIENTS_EACH = 16
const ASKED_EACH = 12

let database: TestDatabase
let aforo: AforoProcess
const sidecars: AforoProcess[] = []

beforeAll(async () => {
  database = await testDatabase()
  await addCustomer(database.pool, 'default', 'acme')
  await putBudget(database.pool, 'calls', { limit: String(CALLS), unit: 'model_calls' })
  aforo = await runAforo('serve', { DATABASE_URL: database.url })
  const upstream = `http://127.0.0.1:${aforo.ports.check}`
  for (let i = 0; i < SIDECARS; i++) sidecars.push(await runAforo('sidecar', {}, ['--upstream', upstream]))
}, 120_000)

afterAll(async () => {
  for (const sidecar of sidecars) sidecar.child.kill('SIGKILL')
  await aforo?.end('SIGTERM')
  await database.drop()
}, 60_000)

test('clients of real sidecars, one of them killed, are admitted no more than a hard limit has', async () => {
  let admitted = 0
  let killed = false
  const client = async (sidecar: AforoProcess, no: number) => {
    const url = `http://127.0.0.1:${sidecar.ports.check}`
    for (let i = 0; i < ASKED_EACH; i++) {
      try {
        const estimate = { input_tokens: 1, max_output_tokens: 1 }
        const { body } = await post(url, '/v1/check', {
          customer: 'acme',
          reserve: true,
          ttl_ms: 60_000,
          estimate,
        })
        if (body.decision === 'allow') admitted += 1
      } catch (error) {
        // Of the one that was killed; what it had let in counts.
        if (sidecar !== sidecars[0]) throw error
        return
      }
      if (!killed && admitted > CALLS / 3 && no === 0) {
        killed = true
        sidecars[0]!.child.kill('SIGKILL')
      }
    }
  }
  await Promise.all(
    sidecars.flatMap((sidecar) => Array.from({ length: CLIENTS_EACH }, (_, no) => client(sidecar, no))),
  )
  expect(killed).toBe(true)
  expect(admitted).toBeLessThanOrEqual(CALLS)
  expect(admitted).toBeGreaterThan(CALLS / 2)
  const { leased } = await givenOut(database.pool)
  expect(Number(leased)).toBeGreaterThanOrEqual(admitted - CLIENTS_EACH)
  expect(Number(leased)).toBeLessThanOrEqual(CALLS)
  // What is left of the leases comes back on leaving; the killed one's runs out.
  for (const sidecar of sidecars.slice(1))
    expect(await sidecar.end('SIGTERM')).toEqual({ code: 0, signal: null })
  await until(async () => {
    const { rows } = await database.pool.query(
      'select count(distinct sidecar_id)::int as left from aforo_store.budget_leases',
    )
    return rows[0].left <= 1
  })
}, 120_000)

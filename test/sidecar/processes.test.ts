import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AforoProcess, runAforo, runCommand } from '../e2e/process.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { addCustomer, givenOut, post, putBudget, until } from './start.ts'
import { exportOf, spanOfCall } from './told-call.ts'

const CALLS = 120
const SIDECARS = 4
/** So many of them are killed. */
const KILLED = 2
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
})

afterAll(async () => {
  for (const sidecar of sidecars) sidecar.child.kill('SIGKILL')
  await aforo?.end('SIGTERM')
  await database.drop()
})

test('clients of real sidecars, two of them killed, are admitted no more than a hard limit has, and the books are right', async () => {
  let admitted = 0
  let released = 0
  let told = 0
  let killed = 0
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
        if (body.decision !== 'allow') continue
        admitted += 1
        // Some end without a word, some take their hold back, of the others there is a span.
        if (i % 3 === 1) {
          // It may be let in again before this client hears of it.
          released += 1
          await post(url, `/v1/holds/${body.hold_id}/release`)
        }
        if (i % 3 !== 2) continue
        await tellOf(body.hold_id)
        told += 1
      } catch (error) {
        // Of one that was killed; what it had let in counts.
        if (sidecars.indexOf(sidecar) >= KILLED) throw error
        return
      }
      if (killed < KILLED && admitted > (CALLS / 4) * (killed + 1) && no === 0) {
        sidecars[killed++]!.child.kill('SIGKILL')
      }
    }
  }
  await Promise.all(
    sidecars.flatMap((sidecar) => Array.from({ length: CLIENTS_EACH }, (_, no) => client(sidecar, no))),
  )
  expect(killed).toBe(KILLED)
  expect(admitted).toBeGreaterThan(CALLS / 2)
  expect(admitted - released).toBeLessThanOrEqual(CALLS)
  await until(async () => (await usedOf()) === told)
  // First: of one that is told of in between, what is given out is less then, and not more.
  const unheard = await unheardOf()
  const { leased, leases, held } = await givenOut(database.pool)
  // What the killed ones let in and told nobody of is used, and still within their leases: nobody else can have it.
  expect(told - unheard + Number(leased)).toBeLessThanOrEqual(CALLS)
  expect(Number(leased)).toBeCloseTo(Number(leases) + Number(held), 9)
  // What is left of the leases comes back on leaving; those of the killed ones run out.
  for (const sidecar of sidecars.slice(KILLED))
    expect(await sidecar.end('SIGTERM')).toEqual({ code: 0, signal: null })
  await until(async () => {
    const { rows } = await database.pool.query(
      'select count(distinct sidecar_id)::int as left from aforo_store.budget_leases',
    )
    return rows[0].left <= KILLED
  })
  expect(await runCommand(['audit'], { DATABASE_URL: database.url })).toContain('no gap')
})

/** The span of a call that was made under a hold. */
async function tellOf(holdId: string): Promise<void> {
  const body = exportOf([spanOfCall({ customer: 'acme', holdId, input: 1, output: 1 })])
  const { status } = await post(`http://127.0.0.1:${aforo.ports.otlp_http}`, '/v1/traces', body)
  expect(status).toBe(200)
}

/** Holds that the centre knows by their spans alone. */
async function unheardOf(): Promise<number> {
  const { rows } = await database.pool.query<{ unheard: number }>(
    'select count(*)::int as unheard from aforo_store.budget_holds where sidecar_id is null',
  )
  return rows[0]!.unheard
}

async function usedOf(): Promise<number> {
  const { rows } = await database.pool.query(
    `select used from aforo_store.budget_counters where budget_id = 'calls'`,
  )
  return Number(rows[0]?.used ?? 0)
}

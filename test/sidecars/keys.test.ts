import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AforoProcess, runAforo, runCommand } from '../e2e/process.ts'
import { type Answered, addCustomer, givenOut, post, putBudget } from '../sidecar/start.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { type Relay, startRelay } from '../support/relay.ts'

/** Sidecars whose key is wrong, of another role, of another tenant, or revoked while they hold. */

const CALLS = 50
/** A revoked key opens nothing after four seconds. */
const REVOKED_MS_MAX = 8_000

let database: TestDatabase
let aforo: AforoProcess
let link: Relay
let upstream: string
const started: AforoProcess[] = []
beforeAll(async () => {
  database = await testDatabase()
  await addCustomer(database.pool, 'default', 'acme')
  await putBudget(database.pool, 'calls', { limit: String(CALLS), unit: 'model_calls' })
  aforo = await runAforo('serve', {
    DATABASE_URL: database.url,
    AFORO_INITIAL_KEYS: 'admin:key-of-the-whole-house',
  })
  link = await startRelay(aforo.ports.check!)
  upstream = `http://127.0.0.1:${link.port}`
})
afterAll(async () => {
  for (const process of started) process.child.kill('SIGKILL')
  await aforo?.end('SIGTERM')
  await link?.stop()
  await database.drop()
})

async function keyOf(role: string, tenant = 'default'): Promise<{ key: string; key_id: string }> {
  const options = ['keys', 'create', '--role', role, '--tenant', tenant]
  return JSON.parse(await runCommand(options, { DATABASE_URL: database.url }))
}

async function sidecarWith(key: string): Promise<AforoProcess> {
  const sidecar = await runAforo('sidecar', {}, ['--upstream', upstream, '--key', key])
  started.push(sidecar)
  return sidecar
}

const hold = (sidecar: AforoProcess, headers: Record<string, string> = {}): Promise<Answered> =>
  post(
    `http://127.0.0.1:${sidecar.ports.check}`,
    '/v1/check',
    { customer: 'acme', reserve: true, estimate: { input_tokens: 1, max_output_tokens: 1 } },
    headers,
  )

test('a sidecar whose key is not let in does not start, and says why', async () => {
  await expect(sidecarWith('wrong')).rejects.toThrow(/unknown or revoked key/)
  const { key } = await keyOf('ingest')
  await expect(sidecarWith(key)).rejects.toThrow(/this key has the role ingest, not check/)
})

test('one that starts while nobody can be asked lets nobody in, and says so once the key is refused', async () => {
  link.cut()
  const sidecar = await sidecarWith('wrong')
  expect((await hold(sidecar)).status).toBe(503)
  link.heal()
  await patiently(10_000, async () => (await hold(sidecar)).status === 401)
  expect((await hold(sidecar)).body).toMatchObject({ code: 'unauthenticated' })
})

test('a key that is revoked while its sidecar holds opens nothing; what it had comes back, its holds end, and a new one goes on', async () => {
  const { key, key_id } = await keyOf('check')
  const { key: elsewhere } = await keyOf('check', 'elsewhere')
  const sidecar = await sidecarWith(key)
  const held = [await hold(sidecar), await hold(sidecar), await hold(sidecar)]
  expect(held.map(({ body }) => body.decision)).toEqual(['allow', 'allow', 'allow'])
  // A key of another tenant sees nothing of it, through the same sidecar.
  const foreign = await hold(sidecar, { authorization: `Bearer ${elsewhere}` })
  expect(foreign).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })

  await runCommand(['keys', 'revoke', key_id], { DATABASE_URL: database.url })
  await patiently(REVOKED_MS_MAX, async () => (await hold(sidecar)).status === 401)
  // Holds that it took before it was refused are known; leases are at most what it may have had to spare.
  await pause(1_000)
  const end = (of: AforoProcess, { body }: Answered) =>
    post(`http://127.0.0.1:${of.ports.check}`, `/v1/holds/${body.hold_id}/release`)
  expect((await end(sidecar, held[0]!)).status).toBe(401)
  console.log(sidecar.log())

  const again = await sidecarWith((await keyOf('check')).key)
  expect((await end(again, held[0]!)).body).toMatchObject({ state: 'released', source: 'live' })
  expect(await sidecar.end('SIGTERM')).toEqual({ code: 0, signal: null })
  const { leased, leases, held: stillHeld } = await givenOut(database.pool)
  expect(Number(leased)).toBeCloseTo(Number(leases) + Number(stillHeld), 9)
  let more = 0
  while ((await hold(again)).body.decision === 'allow') more += 1
  expect(more).toBeGreaterThan(0)
  const { leased: all } = await givenOut(database.pool)
  expect(Number(all)).toBeLessThanOrEqual(CALLS)
  expect(await runCommand(['audit'], { DATABASE_URL: database.url })).toContain('no gap')
})

async function patiently(ms: number, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + ms
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error('it did not come to be in time')
    await pause(250)
  }
}

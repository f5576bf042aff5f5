import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCommand } from '../e2e/process.ts'
import { type Answered, addCustomer, givenOut, post, putBudget } from '../sidecar/start.ts'
import { exportOf, spanOfCall } from '../sidecar/told-call.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { type Beside, clockOff, type Fleet, startFleet } from './fleet.ts'
import { keepLooking } from './looks.ts'

/**
 * Sidecars that are gone with leases: one killed, one stopped, one whose link is cut, one stopped whose clock is wrong too. Two
 * minutes and ten seconds of real time pass until others may have what they had.
 */

const CALLS = 400
/** Sidecars lease so much and more by taking holds and letting go of them. */
const RUSH = 40
/** When the centre takes a lease back at the earliest, and at the latest. */
const BACK_MS_MIN = 115_000
const BACK_MS_MAX = 145_000

let database: TestDatabase
let fleet: Fleet
beforeAll(async () => {
  database = await testDatabase()
  await addCustomer(database.pool, 'default', 'acme')
  await putBudget(database.pool, 'calls', { limit: String(CALLS), unit: 'model_calls' })
  fleet = await startFleet(database.url, 5, (no) => (no === 3 && clockOff('+1h')) || {})
})
afterAll(async () => {
  await fleet?.stop()
  await database.drop()
})

const hold = (sidecar: { readonly url: string }, ttl_ms = 60_000): Promise<Answered> =>
  post(sidecar.url, '/v1/check', {
    customer: 'acme',
    reserve: true,
    ttl_ms,
    estimate: { input_tokens: 1, max_output_tokens: 1 },
  })

test('what the dead, the stopped and the cut off had leased comes back after 130 s, to be spent by others, once', async () => {
  const [killed, stopped, cutOff, wrongClock, left] = fleet.sidecars as [
    Beside,
    Beside,
    Beside,
    Beside,
    Beside,
  ]
  const looking = keepLooking(database.pool, 100)
  await Promise.all([killed, stopped, cutOff, wrongClock].map(rush))
  // They are gone before they give back what they do not use.
  const goneAt = performance.now()
  stopped.process.child.kill('SIGSTOP')
  wrongClock.process.child.kill('SIGSTOP')
  cutOff.link.stall()
  await killed.kill()
  const { leases } = await givenOut(database.pool)
  const leased = Number(leases)
  expect(leased).toBeGreaterThanOrEqual(4)

  // Asked of the stopped ones, they answer when they go on, out of leases that are no more by then.
  const asked = [stopped, wrongClock].flatMap((sidecar) => [hold(sidecar), hold(sidecar), hold(sidecar)])
  const answers = Promise.allSettled(asked)
  // The one that is cut off lets in what it has, as far as the holds last no longer than its lease; told later.
  const held: Answered['body'][] = []
  for (;;) {
    const { body } = await hold(cutOff, 30_000)
    if (body.decision !== 'allow') break
    held.push(body)
  }
  expect(held.length).toBeGreaterThan(0)
  expect(held.length).toBeLessThan(leased)
  // Half of it is worked off and told of by spans, which have a way of their own; the other half is released, unheard.
  const worked = held.slice(0, Math.ceil(held.length / 2))
  await tellOf(worked.map(({ hold_id }) => hold_id))
  for (const { hold_id } of held.slice(worked.length)) {
    expect((await post(cutOff.url, `/v1/holds/${hold_id}/release`)).body).toMatchObject({
      source: 'last_known',
    })
  }

  // The others have the rest, and no more, for as long as the leases may still be used.
  let spent = await spendAll(left)
  expect(spent + leased + worked.length).toBeLessThanOrEqual(CALLS + worked.length)
  expect(spent).toBe(CALLS - leased - worked.length)
  await pause(BACK_MS_MIN - (performance.now() - goneAt))
  expect((await hold(left)).body).toMatchObject({ decision: 'deny', reason: 'budget_exhausted' })
  expect(Number((await givenOut(database.pool)).leases)).toBe(leased)

  await patiently(BACK_MS_MAX - (performance.now() - goneAt), async () => {
    return (await givenOut(database.pool)).leases === '0'
  })
  console.log({ leased, cutOff: held.length, spent, backAfterMs: Math.round(performance.now() - goneAt) })
  spent += await spendAll(left)
  expect(spent).toBe(CALLS - worked.length)

  // Time went on for those who were stopped: what they had is not theirs any more, whatever they are asked.
  stopped.process.child.kill('SIGCONT')
  wrongClock.process.child.kill('SIGCONT')
  // Whose connection was idle for too long by then is not answered at all.
  for (const answer of await answers)
    expect(answer.status === 'rejected' || answer.value.body.decision === 'deny').toBe(true)
  cutOff.link.heal()
  for (const sidecar of [stopped, wrongClock, cutOff]) {
    // It denies as stale until it has heard of the centre again, and never lets anybody in.
    await patiently(30_000, async () => {
      const answer = await hold(sidecar).catch(() => null)
      if (answer !== null) expect(answer.body.decision).toBe('deny')
      return answer?.body.reason === 'budget_exhausted'
    })
  }
  // What the one that was cut off tells of now is counted once: its spans were here before.
  await patiently(30_000, async () => {
    const { rows } = await database.pool.query(
      `select count(*)::int as told from aforo_store.budget_holds where hold_id = any ($1) and sidecar_id is not null`,
      [held.map(({ hold_id }) => hold_id)],
    )
    return rows[0].told === held.length
  })
  const { used, leased: out } = await counter()
  expect(used).toBe(worked.length)
  expect(used + out).toBe(CALLS)
  const { looks, amiss } = await looking.end()
  expect(amiss).toEqual([])
  expect(looks).toBeGreaterThan(500)
  await killed.restart()
  expect((await hold(killed)).body).toMatchObject({ decision: 'deny', reason: 'budget_exhausted' })
  expect(await runCommand(['audit'], { DATABASE_URL: database.url })).toContain('no gap')

  /** Takes and lets go of holds, so that the centre grants what may be needed. */
  async function rush(sidecar: Beside): Promise<void> {
    for (let i = 0; i < RUSH; i++) {
      const { body } = await hold(sidecar)
      expect(body.decision).toBe('allow')
      await post(sidecar.url, `/v1/holds/${body.hold_id}/release`)
    }
  }

  /** Takes holds that last, until no more are to be had. */
  async function spendAll(sidecar: Beside): Promise<number> {
    for (let count = 0; ; count++) {
      const { body } = await hold(sidecar, 600_000)
      if (body.decision === 'allow') continue
      expect(body.reason).toBe('budget_exhausted')
      return count
    }
  }
})

async function tellOf(holdIds: readonly string[]): Promise<void> {
  const spans = holdIds.map((holdId) => spanOfCall({ customer: 'acme', holdId, input: 1, output: 1 }))
  const url = `http://127.0.0.1:${fleet.serve.process.ports.otlp_http}`
  expect((await post(url, '/v1/traces', exportOf(spans))).status).toBe(200)
  await patiently(5_000, async () => (await counter()).used === holdIds.length)
}

async function counter(): Promise<{ used: number; leased: number }> {
  const { rows } = await database.pool.query<{ used: string; leased: string }>(
    `select used, leased from aforo_store.budget_counters where budget_id = 'calls'`,
  )
  return { used: Number(rows[0]!.used), leased: Number(rows[0]!.leased) }
}

async function patiently(ms: number, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + ms
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error('it did not come to be in time')
    await pause(250)
  }
}

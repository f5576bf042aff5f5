import { afterAll, beforeAll, expect, test } from 'vitest'
import type { HoldRecord } from '../../core/lease.ts'
import { NO_RATES } from '../../core/rate-card.ts'
import { HOLD_GRACE_MS } from '../../schema/budgets/book-holds.ts'
import { endOverdueHolds, exchange, takeHolds } from '../../schema/budgets/holds.ts'
import { type CheckWorld, givenOut, putBudget, startSidecar, startWorld, until } from './start.ts'

/** Holds that the centre takes without a lease, as the first one of a session. */

let world: CheckWorld
beforeAll(async () => {
  world = await startWorld()
  const { pool } = world.database
  await putBudget(pool, 'runaway', { unit: 'model_calls', limit: '3', window: 'session' })
  await putBudget(pool, 'all', { unit: 'model_calls', limit: '40' })
  await putBudget(pool, 'soft', { unit: 'model_calls', limit: '1', window: 'session', mode: 'soft' })
})
afterAll(() => world.stop())

const START = Date.parse('2026-03-01T12:00:00Z')
const key = (budgetId: string, subject = '[]') => ({
  budgetId,
  counting: 1,
  subject,
  windowStart: '-infinity',
})
const NOBODY = { customer: 'acme', product: null, agent: null, session: null, trace: null }
const asked = (holdId: string, session: string, amount = '1'): { sidecarId: string; hold: HoldRecord } => ({
  sidecarId: 'a',
  hold: {
    holdId,
    spender: { ...NOBODY, session },
    model: null,
    heldBy: 'price',
    takes: [key('all'), key('runaway', JSON.stringify([session]))].map((counter) => ({
      counter,
      leaseId: null,
      amount,
    })),
    card: NO_RATES,
    msLeft: 10_000,
    end: null,
  },
})
const take = async (holds: readonly ReturnType<typeof asked>[], ms = 0) =>
  (await takeHolds(world.database.pool, 'default', holds, new Date(START + ms))).map(({ isTaken }) => isTaken)
const nothing = { leased: '0', leases: '0', held: '0' }

test('each is taken of all its counters or of none, and no limit is passed by many who ask at once', async () => {
  const { pool } = world.database
  // Of one session three fit, of all forty; a fourth of the session takes nothing of all either.
  expect(await take([1, 2, 3, 4].map((no) => asked(`one${no}`, 'one')))).toEqual([true, true, true, false])
  expect(await givenOut(pool)).toEqual({ leased: '6', leases: '0', held: '6' })
  const rounds = Array.from({ length: 8 }, (_, round) =>
    take(Array.from({ length: 10 }, (_, no) => asked(`many${round}_${no}`, `s${(no * 7 + round) % 30}`))),
  )
  const taken = (await Promise.all(rounds)).flat().filter((isTaken) => isTaken)
  expect(taken.length).toBe(37)
  expect(await givenOut(pool)).toEqual({ leased: '80', leases: '0', held: '80' })
  const ends = Array.from({ length: 8 }, (_, round) =>
    Array.from({ length: 10 }, (_, no) => ({ holdId: `many${round}_${no}`, actual: null })),
  ).flat()
  const told = { sidecarId: 'a', seq: 1, holds: [], orders: [], ends }
  await exchange(pool, 'default', told, new Date(START))
  expect(await givenOut(pool)).toEqual({ leased: '6', leases: '0', held: '6' })
})

test('one that is asked for again is the same one, and over with its time', async () => {
  const { pool } = world.database
  const before = await givenOut(pool)
  const again = asked('again', 'again')
  expect([await take([again]), await take([again]), await take([again, again])].flat()).toEqual([
    true,
    true,
    true,
    true,
  ])
  expect(Number((await givenOut(pool)).leased) - Number(before.leased)).toBe(2)
  const over = 10_000 + HOLD_GRACE_MS + 1
  while ((await endOverdueHolds(pool, new Date(START + over))) > 0);
  expect(await givenOut(pool)).toEqual(nothing)
  expect(await take([again], over)).toEqual([false])
  const late = { ...again, hold: { ...again.hold, holdId: 'late', msLeft: -HOLD_GRACE_MS } }
  expect(await take([late])).toEqual([false])
  expect(await givenOut(pool)).toEqual(nothing)
})

test('a limit that nobody keeps to holds nothing', async () => {
  const soft = asked('soft', 'soft')
  const takes = [{ counter: key('soft', '["soft"]'), leaseId: null, amount: '5' }]
  expect(await take([{ ...soft, hold: { ...soft.hold, takes } }])).toEqual([true])
  expect(await givenOut(world.database.pool)).toEqual(nothing)
})

test.each(['a check', 'a sidecar'])(
  'the first hold of a session at %s leases nothing, those that follow at once do, and no more get in',
  async (where) => {
    const sidecar = where === 'a sidecar' ? await startSidecar(world.url) : null
    const url = sidecar ? `http://127.0.0.1:${sidecar.port}` : world.url
    const { pool } = world.database
    const body = JSON.stringify({ customer: 'acme', session: where, reserve: true, model: 'm' })
    const ask = async () => (await fetch(`${url}/v1/check`, { method: 'POST', body })).json()
    const held: string[] = []
    for (let no = 0; no < 3; no++) {
      const decision = (await ask()) as { decision: string; hold_id: string; remaining: string }
      expect(decision).toMatchObject({ decision: 'allow', source: 'lease', remaining: `${2 - no}` })
      held.push(decision.hold_id)
      if (no === 0) expect(await givenOut(pool)).toEqual({ leased: '2', leases: '0', held: '2' })
    }
    expect(await ask()).toMatchObject({ decision: 'deny', reason: 'budget_exhausted', budget: 'runaway' })
    for (const holdId of held) {
      expect(
        await (await fetch(`${url}/v1/holds/${holdId}/release`, { method: 'POST' })).json(),
      ).toMatchObject({
        state: 'released',
      })
    }
    await until(async () => (await givenOut(pool)).held === '0')
    await sidecar?.stop()
    await until(async () => (await givenOut(pool)).leased === '0')
  },
)

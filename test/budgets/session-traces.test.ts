import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { callOf, NOON_NANO, traceIdOf } from '../support/usages.ts'
import { expectNoGaps, openWorld, type World } from './world.ts'

/** Budgets that each trace has for itself, and traces that are one event of their session. */

let db: TestDatabase
let world: World
beforeAll(async () => {
  db = await testDatabase()
  world = await openWorld(db.pool)
  await world.group(0, 'bot', 'session')
  await world.budget(0, 'each', { unit: 'model_calls', window: 'trace' })
})
afterAll(() => db.drop())

const turn = (trace: string, span: string, startNano: bigint) =>
  callOf(trace, span, { product: 'bot', session: 's', startNano, endNano: startNano + 500_000_000n })

async function look(seconds: number): Promise<void> {
  while ((await world.project(seconds)) > 0);
}

async function rest(seconds: number): Promise<void> {
  while ((await world.cut(seconds)) > 0);
  while ((await world.rate(seconds)) > 0);
  await look(seconds)
}

// What was open of a trace took back what its session's event had of it from the event's first trace, and gave it to its own
// when it was rated: the first trace had less than nothing, and could spend so much more.
test('a late span of a trace that is not the first of its session leaves the counter of the first as it is', async () => {
  const subject = (trace: string) => JSON.stringify([traceIdOf(trace)])
  await world.push(1, turn('first', 'call', NOON_NANO), turn('second', 'call', NOON_NANO + 1_000_000_000n))
  await look(1)
  expect(await world.used('each')).toEqual({ [subject('first')]: '1', [subject('second')]: '1' })
  await rest(40)
  expect(await world.used('each')).toEqual({ [subject('first')]: '2', [subject('second')]: '0' })
  await world.push(41, turn('second', 'late', NOON_NANO + 2_000_000_000n))
  await look(41)
  expect(await world.used('each')).toEqual({ [subject('first')]: '2', [subject('second')]: '1' })
  await expectNoGaps(world, 41)
  await rest(80)
  expect(await world.used('each')).toEqual({ [subject('first')]: '3', [subject('second')]: '0' })
  await expectNoGaps(world, 80)
})

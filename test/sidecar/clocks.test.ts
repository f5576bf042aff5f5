import { afterAll, beforeAll, expect, test } from 'vitest'
import { endOverdueHolds, exchange } from '../../schema/budgets/holds.ts'
import { createDatabaseClock } from '../../schema/database-clock.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { givenOut, putBudget } from './start.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())

const HOUR = 3_600_000

test.each([
  ['ahead', HOUR],
  ['behind', -HOUR],
])(
  'a centre on a machine whose clock is an hour %s takes back no lease of another before its time',
  async (name, off) => {
    await putBudget(database.pool, name, { limit: '10', unit: 'tokens' })
    const right = await createDatabaseClock(database.pool)
    const wrong = await createDatabaseClock(database.pool, () => performance.now() + off)
    const counter = { budgetId: name, counting: 1, subject: '[]', windowStart: '-infinity' }
    const orders = [{ counter, leaseId: null, target: '4', need: '4', least: '4' }]
    const before = Number((await givenOut(database.pool)).leased)
    await exchange(
      database.pool,
      'default',
      { sidecarId: name, seq: 1, holds: [], ends: [], orders },
      right.now(),
    )
    await endOverdueHolds(database.pool, wrong.now())
    expect(Number((await givenOut(database.pool)).leased)).toBe(before + 4)
    expect(Math.abs(wrong.now().getTime() - right.now().getTime())).toBeLessThan(1_000)
    right.stop()
    wrong.stop()
  },
)

test('the clock goes on while the database is away', async () => {
  const [first, second] = [1_000_000, 1_500_000]
  let isAway = false
  let mono = 0
  const pool = {
    query: async () => {
      if (isAway) throw new Error('away')
      return { rows: [{ ms: first }] }
    },
  }
  const clock = await createDatabaseClock(pool as never, () => mono)
  isAway = true
  mono = second - first
  expect(clock.now().getTime()).toBe(second)
  clock.stop()
})

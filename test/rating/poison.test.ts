import { afterAll, beforeAll, expect, test } from 'vitest'
import { NO_TOKENS } from '../../core/usage.ts'
import { retryDelay } from '../../rating/postpone.ts'
import { createRater } from '../../rating/rater.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { openExceptions } from './books.ts'
import { assemblyOf, modelCall, NOON, storeCustomer, storeEvent, storePlan } from './events.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())

test('an event that cannot be rated waits alone, is listed, and is rated once it can be', async () => {
  const { pool } = database
  const rater = createRater({ pool })
  await storePlan(pool, 'team', {
    currency: 'USD',
    meters: [{ meter: 'traces', model: 'per_unit', unit_price: '1' }],
  })
  await storeCustomer(pool, 'acme', 'team')
  for (const traceNo of [1, 2, 3]) {
    const calls = [modelCall(1, { buckets: { ...NO_TOKENS, inputUncached: 1 } })]
    await storeEvent(pool, { traceNo, customer: 'acme', assembly: assemblyOf({ calls }) })
  }
  const { rows } = await pool.query(
    `update aforo_store.events set assembly = '{"calls": 7}' where event_id like '%2' returning event_id`,
  )
  await storeEvent(pool, { traceNo: 2, revision: 1, customer: 'acme', assembly: assemblyOf({}) })

  expect(await rater.rate(NOON)).toBe(2)
  expect(await openExceptions(pool)).toContain('conflict rating_failed')
  const waiting = await pool.query(
    `select event_id, revision, attempts, last_error is not null as told,
       extract(epoch from not_before - $1)::int as seconds from aforo_store.rating_queue order by revision`,
    [NOON],
  )
  const eventId = rows[0].event_id
  expect(waiting.rows).toEqual([
    { event_id: eventId, revision: 0, attempts: 1, told: true, seconds: 2 },
    { event_id: eventId, revision: 1, attempts: 0, told: false, seconds: 0 },
  ])
  expect(await rater.rate(NOON)).toBe(0)

  await pool.query(
    `update aforo_store.events e set assembly = other.assembly from aforo_store.events other
     where e.event_id = $1 and e.revision = 0 and other.event_id like '%1'`,
    [eventId],
  )
  expect(await rater.rate(new Date(NOON.getTime() + 2000))).toBe(2)
  expect(await openExceptions(pool)).not.toContain('conflict rating_failed')
})

test('delays grow up to an hour', () => {
  expect([1, 2, 3, 11, 12, 1000].map(retryDelay)).toEqual([2, 4, 8, 2048, 3600, 3600])
})

import { afterAll, beforeAll, expect, test } from 'vitest'
import { seedPriceBook } from '../../rating/prices/seed.ts'
import { createRater } from '../../rating/rater.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { assemblyOfOracle, COST_ORACLES } from './costs.ts'
import { NOON, storeCustomer, storeEvent, storePlan } from './events.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())

test('every span that costs something costs it as an event of the database, to the last digit', async () => {
  const { pool } = database
  await seedPriceBook(pool, new Date('2020-01-01T00:00:00Z'))
  await storePlan(pool, 'team', { currency: 'USD', meters: [] })
  await storeCustomer(pool, 'acme', 'team')
  const eventIds: string[] = []
  for (const [i, oracle] of COST_ORACLES.entries()) {
    eventIds.push(
      await storeEvent(pool, {
        traceNo: i + 1,
        customer: 'acme',
        time: new Date(oracle.at),
        assembly: assemblyOfOracle(oracle, i + 1),
      }),
    )
  }
  const rater = createRater({ pool })
  while ((await rater.rate(NOON, 100)) > 0);
  const { rows } = await pool.query<{ event_id: string; cogs: string; unpriced: boolean }>(
    'select event_id, trim_scale(cogs)::text as cogs, unpriced from aforo_store.ratings',
  )
  const costs = new Map(rows.map((row) => [row.event_id, row.unpriced ? null : row.cogs]))
  expect(COST_ORACLES.map(({ id }, i) => [id, costs.get(eventIds[i]!)])).toEqual(
    COST_ORACLES.map(({ id, cost }) => [id, cost]),
  )
})

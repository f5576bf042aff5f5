import { afterEach, beforeEach, expect, test } from 'vitest'
import { NO_TOKENS } from '../../core/usage.ts'
import { seedPriceBook } from '../../rating/prices/seed.ts'
import { createRater } from '../../rating/rater.ts'
import { completeEvents } from '../../schema/completion.ts'
import { transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { openExceptions } from './books.ts'
import { assemblyOf, modelCall, NOON, storeCustomer, storeEvent, storePlan, traceIdOf } from './events.ts'

let database: TestDatabase
beforeEach(async () => {
  database = await testDatabase()
  await storePlan(database.pool, 'team', { currency: 'USD', meters: [] })
  await storeCustomer(database.pool, 'acme', 'team')
})
afterEach(() => database.drop())

const EVENTS = 60
const call = (provider: string, model: string) =>
  modelCall(1, { provider, model, requestModel: null, buckets: { ...NO_TOKENS, inputUncached: 5 } })

/** A trace as the cut leaves it: completing an event marks it. */
async function storeCutEvent(traceNo: number, provider: string, model: string): Promise<void> {
  const { pool } = database
  await storeEvent(pool, {
    traceNo,
    customer: 'acme',
    assembly: assemblyOf({ calls: [call(provider, model)] }),
  })
  await pool.query(
    `insert into aforo_store.traces (tenant_id, trace_id, first_received_at, last_received_at, time_from, time_to,
       root_ended, has_usage, span_count, opened_at, open_span_count, event_time, revision)
     values ('default', $1, $2, $2, $2, $2, true, true, 1, $2, 1, $2, 0)`,
    [Buffer.from(traceIdOf(traceNo), 'hex'), NOON],
  )
}

const completed = async () =>
  (await database.pool.query('select 1 from aforo_store.traces where completed')).rowCount!

test('a price that arrives while events are rated is missed by none of them', async () => {
  const { pool } = database
  for (let traceNo = 1; traceNo <= EVENTS; traceNo++) await storeCutEvent(traceNo, 'house', 'llama')
  const raters = [1, 2].map(async () => {
    const rater = createRater({ pool })
    for (let rated = 1; rated > 0; ) rated = await rater.rate(NOON, 3)
  })
  await transaction(pool, async (client) => {
    await client.query(
      `insert into aforo_store.price_rows
         (tenant_id, book, provider, model, meter, unit_price, per, effective_from, recorded_at, source)
       values ('default', 'override', 'house', 'llama', 'input_uncached', 1, 1, '2020-01-01', now(), 'test')`,
    )
    await completeEvents(client, 'default', { kind: 'price', provider: 'house', model: 'llama' }, NOON)
    await client.query('select pg_sleep(0.05)')
  })
  await Promise.all(raters)
  const { rows } = await pool.query(
    `select count(*) filter (where unpriced)::int as unpriced, count(*)::int as rated from aforo_store.ratings`,
  )
  expect(rows[0].rated).toBe(EVENTS)
  expect(await completed()).toBe(rows[0].unpriced)
})

test('a newer catalogue completes the events that waited for its models', async () => {
  const { pool } = database
  await storeCutEvent(1, 'anthropic', 'claude-sonnet-4-5-20250929')
  await storeCutEvent(2, 'house', 'llama')
  await createRater({ pool }).rate(NOON)
  expect(await openExceptions(pool)).toHaveLength(2)
  await seedPriceBook(pool, NOON)
  const { rows } = await pool.query(
    `select encode(trace_id, 'hex') as id from aforo_store.traces where completed`,
  )
  expect(rows).toEqual([{ id: traceIdOf(1) }])
})

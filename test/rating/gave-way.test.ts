import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BATCH_TRIES_MAX, createRater } from '../../rating/rater.ts'
import { openPool } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { assemblyOf, modelCall, NOON, storeCustomer, storeEvent, storePlan } from './events.ts'

/** Batches whose transaction gave way to another one: a deadlock, a serialization failure. */

let database: TestDatabase
beforeEach(async () => {
  database = await testDatabase()
  const meters = [{ meter: 'model_calls', model: 'per_unit', unit_price: '0.01' }]
  await storePlan(database.pool, 'team', { currency: 'USD', meters })
})
afterEach(() => database.drop())

test('a batch in a deadlock is rated by another try', async () => {
  // The rater looks for deadlocks first, so that it is the one that gives way; once only, so the other must wait by then.
  await database.pool.query(`do $$ begin
    execute format('alter database %I set deadlock_timeout = %L', current_database(), '3s'); end $$`)
  await rateCounters(database.pool, ['acme', 'globex'])
  await storeEventOf('acme', 2)
  await storeEventOf('globex', 3)
  const pool = openPool(database.url, { max: 2 })
  const other = new pg.Client(database.url)
  await other.connect()
  await other.query(`set deadlock_timeout = '60s'`)
  try {
    await other.query('begin')
    await lockCounter(other, 'globex')
    const rated = createRater({ pool }).rate(NOON)
    await untilSomebodyWaits(database.pool)
    // Goes on when the batch has given way, and leaves the counters to the next try.
    await lockCounter(other, 'acme')
    await other.query('commit')
    expect(await rated).toBe(2)
  } finally {
    await other.end()
    await pool.end()
  }
  expect(await amounts(database.pool)).toEqual(['0.02', '0.02'])
})

test.each(['40001', '40P01'])('%s is tried again, as often as the bound says', async (code) => {
  await storeCustomer(database.pool, 'acme', 'team')
  await storeEventOf('acme', 1)
  await failRatings(database.pool, code, BATCH_TRIES_MAX - 1)
  expect(await createRater({ pool: database.pool }).rate(NOON, 1)).toBe(1)
  expect(await amounts(database.pool)).toEqual(['0.01'])
})

test('a batch that gives way once more than that is left in the queue as it was', async () => {
  await storeCustomer(database.pool, 'acme', 'team')
  await storeEventOf('acme', 1)
  await failRatings(database.pool, '40P01', BATCH_TRIES_MAX)
  const rater = createRater({ pool: database.pool })
  // One at most: the other lane has nothing to do, and all tries are of one batch.
  await expect(rater.rate(NOON, 1)).rejects.toMatchObject({ code: 'unavailable', retryable: true })
  const { rows } = await database.pool.query('select attempts, last_error from aforo_store.rating_queue')
  expect(rows).toEqual([{ attempts: 0, last_error: null }])
  expect(await rater.rate(NOON)).toBe(1)
  expect(await amounts(database.pool)).toEqual(['0.01'])
})

/** A counter for each customer, by an event of each. */
async function rateCounters(pool: pg.Pool, customers: readonly string[]): Promise<void> {
  for (const [no, customer] of customers.entries()) {
    await storeCustomer(pool, customer, 'team')
    await storeEventOf(customer, no)
  }
  expect(await createRater({ pool }).rate(NOON)).toBe(customers.length)
}

function storeEventOf(customer: string, no: number): Promise<unknown> {
  return storeEvent(database.pool, {
    traceNo: no + 1,
    customer,
    assembly: assemblyOf({ calls: [modelCall(1)] }),
  })
}

async function lockCounter(client: pg.Client, customer: string): Promise<void> {
  await client.query(
    `select from aforo_store.meter_counters counter
     join aforo_store.subscriptions using (tenant_id, subscription_id)
     where customer_id = $1 for update of counter`,
    [customer],
  )
}

async function untilSomebodyWaits(pool: pg.Pool): Promise<void> {
  const waiting = async () => {
    const { rows } = await pool.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rows.length
  }
  await expect.poll(waiting, { interval: 5 }).toBeGreaterThan(0)
}

/** Has the next so many transactions that write a rating fail. A sequence moves on whatever is rolled back. */
async function failRatings(pool: pg.Pool, code: string, times: number): Promise<void> {
  await pool.query(`create sequence aforo_store.tries`)
  await pool.query(`create function aforo_store.give_way() returns trigger language plpgsql as $$ begin
    if nextval('aforo_store.tries') <= ${times} then raise exception 'gave way' using errcode = '${code}'; end if;
    return new; end $$`)
  await pool.query(`create trigger give_way before insert on aforo_store.ratings
    for each row execute function aforo_store.give_way()`)
}

async function amounts(pool: pg.Pool): Promise<readonly string[]> {
  const { rows } = await pool.query<{ amount: string }>(
    'select trim_scale(amount)::text as amount from aforo_store.meter_counters order by subscription_id',
  )
  return rows.map((row) => row.amount)
}

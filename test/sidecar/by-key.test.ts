import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CounterKey } from '../../core/lease.ts'
import { SCALED_ONE } from '../../core/scaled.ts'
import { counterName, leaseName } from '../../schema/budgets/lease-book.ts'
import { lockBook } from '../../schema/budgets/lease-rows.ts'
import { writeBook } from '../../schema/budgets/lease-writes.ts'
import { byKey } from '../../schema/by-key.ts'
import { transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { putBudget } from './start.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())

const NOW = new Date('2026-03-01T12:00:00Z')
const MANY = 2_000
/** Executions after which a plan is kept whatever the parameters are. */
const PLANNED = 8
/** Readings of one counter: made, locked, looked at, written, and compared with as often. */
const READ_MAX = 12

const keysOf = (prefix: string, count: number): CounterKey[] =>
  Array.from({ length: count }, (_, no) => {
    return { budgetId: 'runaway', counting: 1, subject: `["${prefix}${no}"]`, windowStart: '-infinity' }
  })

/** Makes a lease of each counter, or takes it back. */
async function write(client: pg.PoolClient, keys: readonly CounterKey[], isGiven: boolean): Promise<void> {
  await byKey(client, async () => {
    const book = await lockBook(client, 'default', keys, [], 'a', NOW)
    for (const key of keys) {
      const counter = book.counters.get(counterName(key))!
      const name = leaseName(counter.name, 'a')
      const lease = {
        counter: counter.name,
        sidecarId: 'a',
        leaseId: crypto.randomUUID(),
        amount: SCALED_ONE,
        seq: 1,
      }
      counter.leased = isGiven ? SCALED_ONE : 0n
      if (isGiven) book.leases.set(name, { ...lease, expiresAt: NOW.getTime() })
      else book.leases.delete(name)
    }
    await writeBook(client, book, () => Promise.reject(new Error('no hold is new')) as never, NOW)
  })
}

// Of a database that was new when its plans were made, each message read all counters for each of its own.
test('counters are looked up one by one, however few there were when the statements were planned', async () => {
  await putBudget(database.pool, 'runaway', { unit: 'model_calls', limit: '200', window: 'session' })
  await database.pool.query('analyze aforo_store.budget_counters, aforo_store.budget_leases')
  await transaction(database.pool, async (client) => {
    for (let time = 0; time < PLANNED; time++) await write(client, keysOf('few', 3), time % 2 === 0)
    await client.query(
      `insert into aforo_store.budget_counters (tenant_id, budget_id, counting_version, subject, window_start)
       select 'default', 'runaway', 1, format('["other%s"]', no), '-infinity' from generate_series(1, $1) no`,
      [MANY],
    )
    const keys = keysOf('new', MANY / 10)
    const before = await readingsOf(client)
    await write(client, keys, true)
    await write(client, keys, false)
    const after = await readingsOf(client)
    for (const [table, { whole, single }] of Object.entries(after)) {
      expect(whole - before[table]!.whole, `${table}, from end to end`).toBe(0)
      expect(single - before[table]!.single, `${table}, by an index`).toBeLessThan(2 * READ_MAX * keys.length)
    }
  })
})

/** Rows that this transaction has read, from end to end of a table and by its indexes. */
async function readingsOf(client: pg.PoolClient): Promise<Record<string, { whole: number; single: number }>> {
  const { rows } = await client.query(
    `select relname, seq_tup_read::int as whole, idx_tup_fetch::int as single from pg_stat_xact_all_tables
     where schemaname = 'aforo_store' and relname in ('budget_counters', 'budget_leases')`,
  )
  return Object.fromEntries(rows.map(({ relname, ...readings }) => [relname, readings]))
}

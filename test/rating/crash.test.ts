import type pg from 'pg'
import { expect, test } from 'vitest'
import { NO_TOKENS, type Usage } from '../../core/usage.ts'
import { ALLOCATION_GRACE_MS, allocateDue } from '../../rating/prices/allocate.ts'
import { createRater } from '../../rating/rater.ts'
import { HOURLY_COSTS, recordDatedRow } from '../../schema/dated-rows.ts'
import { transaction } from '../../schema/pool.ts'
import { openBooks } from '../audit/books.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { dyingAt } from '../support/dying.ts'
import { callOf, noon, spanIdOf } from '../support/usages.ts'
import { storeCustomer, storePlan } from './events.ts'
import { ledgerFaults } from './ledger-faults.ts'

/** A process that dies between any two statements of rating: a batch is in the books as a whole or not at all. */

const STATEMENTS_MAX = 100

const PLAN = {
  currency: 'USD',
  credit_rate: '0.01',
  bill_as: 'credits',
  meters: [
    {
      meter: 'input_tokens',
      model: 'graduated',
      tiers: [
        { up_to: '150', unit_price: '0.01', per: '3' },
        { up_to: null, unit_price: '0.02', per: '7' },
      ],
    },
    { meter: 'cogs', model: 'cost_plus', markup_pct: '33.333' },
  ],
}

const TABLES = [
  'cost_lines',
  'price_lines',
  'event_lines',
  'ratings',
  'meter_counters',
  'credit_postings',
  'credit_balances',
  'exceptions',
  'rating_queue',
  'price_rows',
  'allocation_shares',
]

/** All that rating writes, with what is different from run to run left out. */
async function told(pool: pg.Pool): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const table of TABLES) {
    const { rows } = await pool.query<{ told: string }>(
      `select coalesce(string_agg(row, E'\n' order by row), '') as told from (
         select (to_jsonb(t) - 'rated_at' - 'recorded_at' - 'entry_id' - 'grant_id' - 'price_row_id')::text as row
         from aforo_store.${table} t) rows`,
    )
    found[table] = rows[0]!.told
  }
  return found
}

/** Events that were rated, one of them with a late span, one that nobody can price, one of a model by the hour. */
async function fill({ pool }: TestDatabase) {
  const books = openBooks(pool)
  await storePlan(pool, 'credits', PLAN)
  await storeCustomer(pool, 'acme', 'credits')
  await pool.query(
    `insert into aforo_store.credit_grants (tenant_id, customer_id, kind, amount, priority, recorded_at)
     values ('default', 'acme', 'paid', 1000, 50, '2026-01-01')`,
  )
  await books.price(-60, 'anthropic', 'claude-sonnet-4-5', 'input_uncached', '0.000003')
  await books.price(-60, 'anthropic', 'claude-sonnet-4-5', 'output', '0.000015')
  const gpus = ['gpus', '2.5', '4', 'hour']
  const since = { effectiveFrom: '2026-01-01T00:00:00Z', effectiveTo: null }
  await transaction(pool, (client) =>
    recordDatedRow(
      client,
      HOURLY_COSTS,
      { series: ['default', 'house', 'llama'], says: gpus, ...since },
      noon(-60),
    ),
  )
  const own: Partial<Usage> = { provider: 'house', requestModel: 'llama', responseModel: 'llama' }
  const buckets = { ...NO_TOKENS, inputUncached: 100, outputText: 20 }
  await books.push(0, callOf('late', 'root', { buckets }), callOf('llama', 'llama', own))
  await books.cut(10)
  await books.rate(10)
  await books.push(
    20,
    callOf('late', 'later', { parentSpanId: spanIdOf('root'), buckets }),
    callOf('other', 'other', { buckets }),
    callOf('unknown', 'unknown', { requestModel: 'unknown', responseModel: 'unknown' }),
  )
  await books.cut(30)
  return books
}

test('a death at any statement of rating leaves all of a batch or nothing, and the next one finds it whole', async () => {
  const [whole, broken] = [await testDatabase(), await testDatabase()]
  try {
    await fill(whole)
    await fill(broken)
    const before = await told(broken.pool)
    expect(await createRater({ pool: whole.pool }).rate(noon(40))).toBe(3)
    const after = await told(whole.pool)
    expect(after).not.toEqual(before)
    let deaths = 0
    for (; ; deaths++) {
      expect(deaths).toBeLessThan(STATEMENTS_MAX)
      const done = await dyingAt(broken, deaths, (pool) => createRater({ pool }).rate(noon(40)))
      if (done) break
      const found = await told(broken.pool)
      // A death while it looks for more finds the batch committed.
      if (found.rating_queue === '') break
      expect(found, `after a death at statement ${deaths}`).toEqual(before)
    }
    expect(await told(broken.pool)).toEqual(after)
    expect(deaths).toBeGreaterThan(20)
    expect(await ledgerFaults(broken.pool)).toEqual([])
  } finally {
    await whole.drop()
    await broken.drop()
  }
})

test('a death at any statement of spreading an hour leaves all of its shares or none', async () => {
  const db = await testDatabase()
  try {
    await fill(db)
    await createRater({ pool: db.pool }).rate(noon(40))
    const now = new Date(noon(3_600).getTime() + ALLOCATION_GRACE_MS)
    const before = await told(db.pool)
    let deaths = 0
    for (; ; deaths++) {
      expect(deaths).toBeLessThan(STATEMENTS_MAX)
      if (await dyingAt(db, deaths, (pool) => allocateDue(pool, now))) break
      expect(await told(db.pool), `after a death at statement ${deaths}`).toEqual(before)
    }
    expect(deaths).toBeGreaterThan(5)
    const { rows } = await db.pool.query(
      'select sum(amount)::float as amount from aforo_store.allocation_shares',
    )
    expect(rows).toEqual([{ amount: 10 }])
  } finally {
    await db.drop()
  }
})

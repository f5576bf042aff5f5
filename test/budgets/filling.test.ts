import { afterAll, beforeAll, expect, test } from 'vitest'
import { createJournal } from '../../receiver/journal/journal.ts'
import { defineBudget } from '../../schema/budgets/define.ts'
import { lockBudgets } from '../../schema/budgets/lock.ts'
import { transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { callOf, metricsOf, noon } from '../support/usages.ts'
import { budgetOf, expectNoGaps, openWorld, type World } from './world.ts'

/** To fill a budget from history takes seconds. Of its tenant nothing is counted then; nobody else waits. */

const TENANTS = ['default', 'other'] as const
const SETTINGS = { quietMs: 2_000, idleMs: 30_000, maxAgeMs: 120_000, spansMax: 100 }

let db: TestDatabase
let world: World
beforeAll(async () => {
  db = await testDatabase()
  world = await openWorld(db.pool)
  for (const tenantId of TENANTS) {
    await transaction(db.pool, (client) => defineBudget(client, tenantId, 'all', budgetOf(), noon(0)))
  }
})
afterAll(() => db.drop())

const journal = () => createJournal({ pool: db.pool, metrics: metricsOf(), settings: SETTINGS })

async function usedOf(): Promise<Record<string, string>> {
  const { rows } = await db.pool.query<{ tenant_id: string; used: string }>(
    'select tenant_id, trim_scale(used)::text as used from aforo_store.budget_counters',
  )
  return Object.fromEntries(rows.map((row) => [row.tenant_id, row.used]))
}

async function ratedTenants(): Promise<readonly string[]> {
  const { rows } = await db.pool.query<{ tenant_id: string }>(
    'select distinct tenant_id from aforo_store.ratings order by 1',
  )
  return rows.map((row) => row.tenant_id)
}

test('while a budget of one tenant is filled, open traces of others are looked at and their events rated', async () => {
  const maker = await db.pool.connect()
  try {
    await maker.query('begin')
    await lockBudgets(maker, 'default')
    for (const tenantId of TENANTS) await journal().append(tenantId, [callOf('one', 'root')], noon(1))
    while ((await world.project(1)) > 0);
    expect(await usedOf()).toEqual({ other: '120' })
    while ((await world.cut(5)) > 0);
    await world.rate(5)
    expect(await ratedTenants()).toEqual(['other'])
    expect(await usedOf()).toEqual({ other: '120' })
    await maker.query('commit')
  } finally {
    maker.release()
  }
  await world.rate(6)
  while ((await world.project(6)) > 0);
  expect(await ratedTenants()).toEqual(['default', 'other'])
  expect(await usedOf()).toEqual({ default: '120', other: '120' })
  await expectNoGaps(world, 6)
})

test('a rating that meets the making of a budget gives way, and is done once that is over', async () => {
  for (const tenantId of TENANTS) await journal().append(tenantId, [callOf('two', 'root')], noon(10))
  while ((await world.cut(14)) > 0);
  // It begins when the batch is claimed, so that nobody could have known.
  const claimed = db.pool.query(
    `create function test_begins() returns trigger language plpgsql as $$
     begin
       perform pg_advisory_xact_lock(42);
       return null;
     end $$;
     create trigger begins after insert on aforo_store.ratings execute function test_begins()`,
  )
  await claimed
  const [gate, maker] = [await db.pool.connect(), await db.pool.connect()]
  try {
    await gate.query('begin')
    await gate.query('select pg_advisory_xact_lock(42)')
    const rating = world.rate(14)
    await expect
      .poll(
        async () =>
          (
            await db.pool.query(
              `select from pg_locks join pg_database on pg_database.oid = database
               where datname = current_database() and objid = 42 and not granted`,
            )
          ).rowCount,
      )
      .toBe(1)
    await maker.query('begin')
    await lockBudgets(maker, 'default')
    await gate.query('commit')
    expect(await rating).toBe(1)
    await maker.query('commit')
  } finally {
    gate.release()
    maker.release()
  }
  expect(await world.rate(15)).toBe(1)
  while ((await world.project(15)) > 0);
  expect(await usedOf()).toEqual({ default: '240', other: '240' })
  await expectNoGaps(world, 15)
})

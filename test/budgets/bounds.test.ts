import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BudgetVersion } from '../../core/budget.ts'
import { Decimal, ZERO } from '../../core/money.ts'
import { shortName } from '../../core/short-name.ts'
import {
  type CounterMove,
  movesOf,
  NO_SPEND,
  rollingOf,
  type Slots,
  usedWithin,
} from '../../core/spending.ts'
import { MOVES_MAX, moveCounters, slotName } from '../../schema/budgets/counters.ts'
import { BudgetShelf, TENANTS_HELD_MAX } from '../../schema/budgets/shelf.ts'
import { transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { NOON_MS, noon } from '../support/usages.ts'
import { budgetOf } from './world.ts'

let db: TestDatabase
beforeAll(async () => {
  db = await testDatabase()
})
afterAll(() => db.drop())

const versionOf = (fields: Parameters<typeof budgetOf>[0]): BudgetVersion => ({
  budgetId: 'b',
  version: 1,
  counting: 1,
  budget: budgetOf(fields),
})

test('budgets of so many tenants are held, and of one more read all the same', async () => {
  await db.pool.query(
    `with tenants as (select 't' || no as tenant_id from generate_series(1, $1) as no),
       told as (insert into aforo_store.budget_tenants select tenant_id, now() from tenants)
     insert into aforo_store.budget_versions
     select tenant_id, 'b', 1, '{"scope":{},"unit":"price","limit":"1","window":"hour","mode":"hard"}', 1, now() from tenants`,
    [TENANTS_HELD_MAX + 1],
  )
  const tenants = Array.from({ length: TENANTS_HELD_MAX + 1 }, (_, no) => `t${no + 1}`)
  const shelf = new BudgetShelf()
  await transaction(db.pool, async (client) => {
    for (const asked of [tenants.slice(0, TENANTS_HELD_MAX), tenants, ['none', 't1']]) {
      const found = await shelf.read(client, asked)
      expect(found.size).toBe(asked.filter((tenant) => tenant !== 'none').length)
      for (const budgets of found.values()) expect(budgets.all).toHaveLength(1)
    }
  })
})

test('more counters than one statement moves are all moved', async () => {
  const version = versionOf({ window: 'session' })
  const moves = Array.from({ length: MOVES_MAX + 1 }, (_, no): CounterMove => {
    const subject = JSON.stringify([`s${no}`])
    return {
      tenantId: 'many',
      version,
      subject,
      windowStart: null,
      used: new Decimal(1),
      cogs: null,
      slots: null,
    }
  })
  for (let time = 0; time < 2; time++) {
    await transaction(db.pool, (client) => moveCounters(client, moves, noon()))
  }
  const { rows } = await db.pool.query(
    `select count(*)::integer as count, trunc(sum(used))::text as used from aforo_store.budget_counters where tenant_id = 'many'`,
  )
  expect(rows).toEqual([{ count: MOVES_MAX + 1, used: String(2 * (MOVES_MAX + 1)) }])
})

test('the database shortens names as the counting of usage does', async () => {
  const letters = fc.string({
    unit: fc.constantFrom('a', '"', '\u0001', 'ü', '漢', '😀', '\u2028'),
    maxLength: 140,
  })
  const names = fc.sample(letters, { numRuns: 300, seed: 1 })
  const { rows } = await db.pool.query<{ short: string }>(
    'select aforo_store.short_name(name, 64) as short from unnest($1::text[]) with ordinality as told (name, no) order by no',
    [names],
  )
  expect(rows.map(({ short }) => short)).toEqual(names.map((name) => shortName(name, 64)))
})

test('what a rolling window counts at an instant is all that was spent in slots that it touches', () => {
  const spent = fc.array(
    fc.record({ minute: fc.integer({ min: -1_600, max: 100 }), tokens: fc.integer({ min: -5, max: 50 }) }),
    { maxLength: 30 },
  )
  const later = fc.integer({ min: 0, max: 120 * 60_000 })
  fc.assert(
    fc.property(spent, later, fc.constantFrom('hour' as const, 'day' as const), (uses, after, window) => {
      const version = versionOf({ window })
      const rolling = rollingOf(window)!
      const entries = uses.map(({ minute, tokens }) => {
        const spentAt = NOON_MS + minute * 60_000
        const spender = { customer: null, product: null, agent: null, session: null, trace: null }
        const placement = { tenantId: 'default', spender, time: spentAt, monthStart: 0, spentAt }
        return { placement, spend: { ...NO_SPEND, tokens: new Decimal(tokens) } }
      })
      const [move] = movesOf(entries, () => [version])
      const slots: Slots = Object.fromEntries(
        [...(move?.slots ?? [])].map(([start, { used }]) => [slotName(start), [used.toFixed(), null]]),
      )
      const now = NOON_MS + after
      const counts = (at: number) =>
        Math.floor(at / rolling.slotMs) * rolling.slotMs + rolling.slotMs > now - rolling.windowMs
      const wanted = entries
        .filter(({ placement }) => counts(placement.spentAt))
        .reduce((sum, { spend }) => sum.plus(spend.tokens), ZERO)
      expect(usedWithin(rolling, slots, now).used.toFixed()).toBe(wanted.toFixed())
    }),
    { numRuns: 300 },
  )
})

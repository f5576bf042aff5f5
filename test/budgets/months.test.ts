import { afterEach, beforeEach, expect, test } from 'vitest'
import { counterPlace } from '../../core/spending.ts'
import { periodOf } from '../../rating/period.ts'
import { readSpender } from '../../schema/budgets/spenders.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { noon } from '../support/usages.ts'
import { budgetOf, openWorld, type World } from './world.ts'

let db: TestDatabase
let world: World
beforeEach(async () => {
  db = await testDatabase()
  world = await openWorld(db.pool)
})
afterEach(() => db.drop())

test.each([
  ['Pacific/Auckland', 27],
  ['America/New_York', 29],
  ['UTC', 1],
])(
  'a check looks at the month that usage goes to: of everybody, and of a customer in %s with day %i',
  async (timezone, anchorDay) => {
    await db.pool.query(
      `update aforo_store.subscriptions set timezone = $1, anchor_day = $2 where customer_id = 'acme'`,
      [timezone, anchorDay],
    )
    const scopes = [{}, { product: '*' }, { session: 's1' }, { customer: '*' }, { customer: 'acme' }] as const
    for (const [i, scope] of scopes.entries())
      await world.budget(0, `b${i}`, { scope, window: 'month', unit: 'model_calls', limit: '5' })
    const now = noon(60)
    const spender = { customer: 'acme', product: 'bot', agent: null, session: 's1', trace: null }
    const { budgets } = await readSpender(db.pool, 'default', spender, periodOf, now)
    const own = periodOf(now.getTime(), timezone, anchorDay)
    const all = periodOf(now.getTime(), 'UTC', 1)
    expect(budgets).toHaveLength(scopes.length)
    for (const [i, scope] of scopes.entries()) {
      const placement = {
        tenantId: 'default',
        spender,
        time: now.getTime(),
        monthStart: own.start,
        spentAt: now.getTime(),
      }
      const place = counterPlace(budgetOf({ scope, window: 'month' }), placement)
      const { standing, msLeft } = budgets[i]!
      expect(Date.parse(standing.counter.windowStart)).toBe(place!.windowStart)
      expect(msLeft).toBe(('customer' in scope ? own : all).end - now.getTime())
    }
  },
)

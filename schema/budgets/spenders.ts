import type pg from 'pg'
import { type Budget, type Spender, subjectOf } from '../../core/budget.ts'
import type { TenantId } from '../../core/ids.ts'
import type { CounterKey, CounterStanding } from '../../core/lease.ts'
import type { UnixMillis } from '../../core/time.ts'
import { BUDGETS_MAX } from './define.ts'
import { type Kill, readKills } from './kills.ts'
import { counterName } from './lease-book.ts'
import { type PeriodOf, readMonths } from './months.ts'
import { readStandings } from './standings.ts'

type Queryable = Pick<pg.ClientBase, 'query'>

/** A budget that a spender's calls count against. */
export interface AppliedBudget {
  readonly budgetId: string
  readonly budget: Budget
  readonly standing: CounterStanding
  /** How long its window lasts from now on; null: it does not end, or is over. */
  readonly msLeft: number | null
  /** Of a month: RFC 3339; null of every other window. */
  readonly windowEnd?: string | null
}

/** Of a call whose trace began in another month than this one: when it began. */
export interface AskedSpender extends Spender {
  readonly startedAt?: UnixMillis
}

/** What decides about a spender's calls. */
export interface SpenderFacts {
  readonly isKnown: boolean
  readonly kills: readonly Kill[]
  /** In the order of the budgets' ids. */
  readonly budgets: readonly AppliedBudget[]
  /** After so long he is to be asked for again: it is not known yet in which months his calls count. */
  readonly msValid?: number
}

/** As `readSpenders`, of one. */
export async function readSpender(
  client: Queryable,
  tenantId: TenantId,
  spender: AskedSpender,
  periodOf: PeriodOf,
  now: Date,
): Promise<SpenderFacts> {
  return (await readSpenders(client, tenantId, [spender], periodOf, now))[0]!
}

/**
 * Reads of each spender whether its customer is known, who is stopped, and how the counters of the budgets that apply
 * stand. In the order of the spenders.
 */
export async function readSpenders(
  client: Queryable,
  tenantId: TenantId,
  spenders: readonly AskedSpender[],
  periodOf: PeriodOf,
  now: Date,
): Promise<readonly SpenderFacts[]> {
  const [kills, versions] = [await readKills(client, tenantId, spenders), await readBudgets(client, tenantId)]
  const monthly = versions.filter(({ budget }) => budget.window === 'month')
  const isMonthly = (spender: Spender) => monthly.some(({ budget }) => subjectOf(budget, spender) !== null)
  const months = await readMonths(client, tenantId, spenders, isMonthly, periodOf, now)
  const keys: CounterKey[] = []
  const places = new Map<string, number>()
  const nowMs = now.getTime()
  const applied = spenders.map((spender, i) =>
    versions.flatMap(({ budgetId, counting, budget }) => {
      const subject = subjectOf(budget, spender)
      if (subject === null) return []
      return (budget.window === 'month' ? months[i]!.of(budget.scope) : [null]).map((month) => {
        const windowStart = month === null ? '-infinity' : new Date(month.start).toISOString()
        const windowEnd = month === null ? null : new Date(month.end).toISOString()
        const msLeft = month === null || month.end <= nowMs ? null : month.end - nowMs
        const key: CounterKey = { budgetId, counting, subject, windowStart }
        const name = counterName(key)
        const place = places.get(name) ?? keys.push(key) - 1
        places.set(name, place)
        return { place, msLeft, windowEnd }
      })
    }),
  )
  const standings = await readStandings(client, tenantId, keys, now)
  return months.map(({ isKnownCustomer, msValid }, i) => ({
    isKnown: isKnownCustomer,
    ...(msValid === undefined ? {} : { msValid }),
    kills: kills[i]!,
    budgets: applied[i]!.flatMap(({ place, msLeft, windowEnd }) => {
      const { key, version, used, usedCogs, leased, budget, limit } = standings[place]!
      const standing = { counter: key, version, used, usedCogs, leased, limit }
      return budget === null ? [] : [{ budgetId: key.budgetId, budget, standing, msLeft, windowEnd }]
    }),
  }))
}

/** Budgets of a tenant that have not ended, in the order of their ids. */
export async function readBudgets(
  client: Queryable,
  tenantId: TenantId,
): Promise<readonly { readonly budgetId: string; readonly counting: number; readonly budget: Budget }[]> {
  const { rows } = await client.query<{ budgetId: string; counting: number; budget: Budget | null }>({
    name: 'budget-current',
    text: `select distinct on (budget_id) budget_id as "budgetId", counting_version as counting, body as budget
     from aforo_store.budget_versions where tenant_id = $1
     order by budget_id, version desc limit ${BUDGETS_MAX}`,
    values: [tenantId],
  })
  return rows.flatMap(({ budgetId, counting, budget }) => (budget ? [{ budgetId, counting, budget }] : []))
}

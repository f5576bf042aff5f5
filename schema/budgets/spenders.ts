import type pg from 'pg'
import { type Budget, type Spender, subjectOf } from '../../core/budget.ts'
import type { TenantId } from '../../core/ids.ts'
import type { CounterKey, CounterStanding } from '../../core/lease.ts'
import { BUDGETS_MAX } from './define.ts'
import { type Kill, readKills } from './kills.ts'
import { counterName } from './lease-book.ts'
import { readStandings } from './standings.ts'

type Queryable = Pick<pg.ClientBase, 'query'>

/** The billing period of an instant; milliseconds since 1970. */
export type PeriodOf = (
  instant: number,
  timezone: string,
  anchorDay: number,
) => { readonly start: number; readonly end: number }

/** A budget that a spender's calls count against. */
export interface AppliedBudget {
  readonly budgetId: string
  readonly budget: Budget
  readonly standing: CounterStanding
  /** How long its window lasts from now on; null: it does not end. */
  readonly msLeft: number | null
}

/** What decides about a spender's calls. */
export interface SpenderFacts {
  readonly isKnown: boolean
  readonly kills: readonly Kill[]
  /** In the order of the budgets' ids. */
  readonly budgets: readonly AppliedBudget[]
}

/** As `readSpenders`, of one. */
export async function readSpender(
  client: Queryable,
  tenantId: TenantId,
  spender: Spender,
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
  spenders: readonly Spender[],
  periodOf: PeriodOf,
  now: Date,
): Promise<readonly SpenderFacts[]> {
  const [customers, kills, versions] = [
    await readCustomers(client, tenantId, spenders, now),
    await readKills(client, tenantId, spenders),
    await readBudgets(client, tenantId),
  ]
  const keys: CounterKey[] = []
  const places = new Map<string, number>()
  const applied = spenders.map((spender) => {
    const customer = spender.customer === null ? undefined : customers.get(spender.customer)
    return versions.flatMap(({ budgetId, counting, budget }) => {
      const subject = subjectOf(budget, spender)
      if (subject === null) return []
      const month = budget.window === 'month' ? monthOf(budget, customer, periodOf, now.getTime()) : null
      const windowStart = month === null ? '-infinity' : new Date(month.start).toISOString()
      const msLeft = month === null ? null : month.end - now.getTime()
      const key: CounterKey = { budgetId, counting, subject, windowStart }
      const name = counterName(key)
      const place = places.get(name) ?? keys.push(key) - 1
      places.set(name, place)
      return [{ place, msLeft }]
    })
  })
  const standings = await readStandings(client, tenantId, keys, now)
  return spenders.map((spender, i) => ({
    isKnown: spender.customer !== null && customers.has(spender.customer),
    kills: kills[i]!,
    budgets: applied[i]!.flatMap(({ place, msLeft }) => {
      const { key, version, used, usedCogs, leased, budget, limit } = standings[place]!
      const standing = { counter: key, version, used, usedCogs, leased, limit }
      return budget === null ? [] : [{ budgetId: key.budgetId, budget, standing, msLeft }]
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

/** The month that a budget counts in for a customer: the one that usage goes to (`counterPlace`). */
function monthOf({ scope }: Budget, customer: CustomerRow | undefined, periodOf: PeriodOf, now: number) {
  const isOfCustomers = (scope.customer ?? null) !== null
  if (!isOfCustomers) return periodOf(now, 'UTC', 1)
  return periodOf(now, customer?.timezone ?? 'UTC', customer?.anchor_day ?? 1)
}

interface CustomerRow {
  readonly timezone: string | null
  readonly anchor_day: number | null
}

async function readCustomers(
  client: Queryable,
  tenantId: TenantId,
  spenders: readonly Spender[],
  now: Date,
): Promise<ReadonlyMap<string, CustomerRow>> {
  const names = new Set(spenders.flatMap(({ customer }) => customer ?? []))
  if (names.size === 0) return new Map()
  const { rows } = await client.query<CustomerRow & { readonly customer_id: string }>({
    name: 'budget-customers',
    text: `select customer.customer_id, subscription.timezone, subscription.anchor_day
     from aforo_store.customers customer
     left join lateral (
       select timezone, anchor_day from aforo_store.subscriptions
       where tenant_id = customer.tenant_id and customer_id = customer.customer_id and effective_from <= $3
       order by effective_from desc, recorded_at desc, subscription_id desc limit 1
     ) subscription on true
     where customer.tenant_id = $1 and customer.customer_id = any($2)`,
    values: [tenantId, [...names], now.toISOString()],
  })
  return new Map(rows.map((row) => [row.customer_id, row]))
}

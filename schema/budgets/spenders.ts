import type pg from 'pg'
import { type Budget, type Spender, subjectOf } from '../../core/budget.ts'
import type { TenantId } from '../../core/ids.ts'
import type { CounterKey, CounterStanding } from '../../core/lease.ts'
import { type Kill, readKills } from './kills.ts'
import { readStandings } from './standings.ts'

type Queryable = Pick<pg.ClientBase, 'query'>

/** The billing period of an instant; milliseconds since 1970. */
export type PeriodOf = (
  instant: number,
  timezone: string,
  anchorDay: number,
) => { readonly start: number; readonly end: number }

/** Budgets of a tenant that are looked at for one call. */
export const BUDGETS_MAX = 10_000

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

/** Reads whether a customer is known, who is stopped, and how the counters of the budgets that apply stand. */
export async function readSpender(
  client: Queryable,
  tenantId: TenantId,
  spender: Spender,
  periodOf: PeriodOf,
  now: Date,
): Promise<SpenderFacts> {
  const [customer, kills, versions] = [
    await readCustomer(client, tenantId, spender.customer, now),
    await readKills(client, tenantId, spender),
    await readBudgets(client, tenantId),
  ]
  const applied = versions.flatMap(({ budgetId, counting, budget }) => {
    const subject = subjectOf(budget, spender)
    if (subject === null) return []
    const month = budget.window === 'month' ? monthOf(budget, customer, periodOf, now.getTime()) : null
    const windowStart = month === null ? '-infinity' : new Date(month.start).toISOString()
    const msLeft = month === null ? null : month.end - now.getTime()
    return [{ key: { budgetId, counting, subject, windowStart } satisfies CounterKey, msLeft }]
  })
  const standings = await readStandings(
    client,
    tenantId,
    applied.map(({ key }) => key),
    now,
  )
  const budgets = standings.flatMap(({ key, version, used, usedCogs, leased, budget, limit }, i) =>
    budget === null
      ? []
      : [
          {
            budgetId: key.budgetId,
            budget,
            standing: { counter: key, version, used, usedCogs, leased, limit },
            msLeft: applied[i]!.msLeft,
          },
        ],
  )
  return { isKnown: customer !== undefined, kills, budgets }
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

async function readCustomer(client: Queryable, tenantId: TenantId, customer: string | null, now: Date) {
  if (customer === null) return undefined
  const { rows } = await client.query<CustomerRow>({
    name: 'budget-customer',
    text: `select subscription.timezone, subscription.anchor_day
     from aforo_store.customers customer
     left join lateral (
       select timezone, anchor_day from aforo_store.subscriptions
       where tenant_id = customer.tenant_id and customer_id = customer.customer_id and effective_from <= $3
       order by effective_from desc, recorded_at desc, subscription_id desc limit 1
     ) subscription on true
     where customer.tenant_id = $1 and customer.customer_id = $2`,
    values: [tenantId, customer, now.toISOString()],
  })
  return rows[0]
}

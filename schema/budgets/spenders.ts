import type pg from 'pg'
import { type Budget, type Spender, subjectOf } from '../../core/budget.ts'
import type { TenantId } from '../../core/ids.ts'
import type { CounterKey, CounterStanding } from '../../core/lease.ts'
import type { UnixMillis } from '../../core/time.ts'
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
 * stand. In the order of the spenders. Of months that is the one in which the trace began, and of a trace in a session this one
 * as well: it counts by itself until it is rated with the event of its session.
 */
export async function readSpenders(
  client: Queryable,
  tenantId: TenantId,
  spenders: readonly AskedSpender[],
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
  const nowMs = now.getTime()
  const applied = spenders.map((spender) => {
    const instants = instantsOf(spender, nowMs)
    return versions.flatMap(({ budgetId, counting, budget }) => {
      const subject = subjectOf(budget, spender)
      if (subject === null) return []
      const months =
        budget.window === 'month' ? monthsOf(budget, spender, instants, customers, periodOf) : [null]
      return months.map((month) => {
        const windowStart = month === null ? '-infinity' : new Date(month.start).toISOString()
        const windowEnd = month === null ? null : new Date(month.end).toISOString()
        const msLeft = month === null || month.end <= nowMs ? null : month.end - nowMs
        const key: CounterKey = { budgetId, counting, subject, windowStart }
        const name = counterName(key)
        const place = places.get(name) ?? keys.push(key) - 1
        places.set(name, place)
        return { place, msLeft, windowEnd }
      })
    })
  })
  const standings = await readStandings(client, tenantId, keys, now)
  return spenders.map((spender, i) => ({
    isKnown: spender.customer !== null && customers.has(customerAt(spender.customer, null)),
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

function instantsOf({ startedAt, session }: AskedSpender, nowMs: UnixMillis): readonly UnixMillis[] {
  if (startedAt === undefined) return [nowMs]
  return session === null ? [startedAt] : [startedAt, nowMs]
}

/** The months that a budget counts in for a customer: those that usage goes to (`counterPlace`), each once. */
function monthsOf(
  { scope }: Budget,
  { customer, startedAt }: AskedSpender,
  instants: readonly UnixMillis[],
  customers: ReadonlyMap<string, CustomerRow>,
  periodOf: PeriodOf,
) {
  const isOfCustomers = (scope.customer ?? null) !== null
  const months = instants.map((instant) => {
    const at = instant === startedAt ? startedAt : null
    const row = isOfCustomers && customer !== null ? customers.get(customerAt(customer, at)) : undefined
    return periodOf(instant, row?.timezone ?? 'UTC', row?.anchor_day ?? 1)
  })
  return months.filter(({ start }, i) => months.findIndex((month) => month.start === start) === i)
}

/** Names a customer as subscribed at an instant; null: now. */
function customerAt(customer: string, at: UnixMillis | null): string {
  return JSON.stringify([customer, at])
}

interface CustomerRow {
  readonly timezone: string | null
  readonly anchor_day: number | null
}

/** By `customerAt`: each now, and where somebody's trace began. */
async function readCustomers(
  client: Queryable,
  tenantId: TenantId,
  spenders: readonly AskedSpender[],
  now: Date,
): Promise<ReadonlyMap<string, CustomerRow>> {
  const asked = new Map<string, readonly [customer: string, at: UnixMillis | null]>()
  for (const { customer, startedAt } of spenders) {
    if (customer === null) continue
    asked.set(customerAt(customer, null), [customer, null])
    if (startedAt !== undefined) asked.set(customerAt(customer, startedAt), [customer, startedAt])
  }
  if (asked.size === 0) return new Map()
  const { rows } = await client.query<CustomerRow & { readonly no: number }>({
    name: 'budget-customers',
    text: `select asked.no::integer as no, subscription.timezone, subscription.anchor_day
     from unnest($2::text[], $3::timestamptz[]) with ordinality as asked (customer_id, at, no)
     join aforo_store.customers customer
       on customer.tenant_id = $1 and customer.customer_id = asked.customer_id
     left join lateral (
       select timezone, anchor_day from aforo_store.subscriptions
       where tenant_id = customer.tenant_id and customer_id = customer.customer_id and effective_from <= asked.at
       order by effective_from desc, recorded_at desc, subscription_id desc limit 1
     ) subscription on true`,
    values: [
      tenantId,
      [...asked.values()].map(([customer]) => customer),
      [...asked.values()].map(([, at]) => (at === null ? now : new Date(at)).toISOString()),
    ],
  })
  const names = [...asked.keys()]
  return new Map(rows.map((row) => [names[row.no - 1]!, row]))
}

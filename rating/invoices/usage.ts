import type pg from 'pg'
import { Decimal } from '../../core/money.ts'
import type { Unit } from './calendar.ts'
import { cutoffText } from './customer-books.ts'
import type { CreditSum, UsageSum } from './owed.ts'

/**
 * What the events of a unit were charged, by model and tool: Σ of the price lines that were rated before the cutoff,
 * microseconds since 1970; null: all of them. Lines are found through the ratings of their events: whatever stands
 * under a unit, some rating of that event names it.
 */
export async function readUsage(
  client: pg.ClientBase,
  tenantId: string,
  unit: Unit,
  cutoff: number | null,
): Promise<readonly UsageSum[]> {
  const { rows } = await client.query<Record<keyof UsageSum, string> & { version: number; meterNo: number }>(
    `with ${NAMED}
     select line.plan_id as "planId", line.plan_version as version, line.meter_no as "meterNo", line.meter,
       line.provider, line.model, line.tool, sum(line.quantity)::text as quantity, sum(line.amount)::text as amount
     from named
     join aforo_store.ratings rated
       on rated.tenant_id = $1 and rated.event_id = named.event_id and rated.time = named.time
       and rated.rated_at < $4 and rated.time >= $5 and rated.time < $6
     join aforo_store.price_lines line
       on line.tenant_id = $1 and line.event_id = rated.event_id and line.revision = rated.revision
       and line.time = rated.time and line.time >= $5 and line.time < $6
     where line.subscription_id = $2 and line.period_start = $3
     group by 1, 2, 3, 4, 5, 6, 7`,
    valuesOf(tenantId, unit, cutoff),
  )
  return rows.map((row) => ({
    ...(row as unknown as UsageSum),
    quantity: new Decimal(row.quantity),
    amount: new Decimal(row.amount),
  }))
}

/**
 * Credits that the events of a unit took from the customer's wallet, by the version of the plan they were charged by
 * and what they were taken from. An event that moved to another unit is that one's.
 */
export async function readCredits(
  client: pg.ClientBase,
  tenantId: string,
  customerId: string,
  unit: Unit,
  cutoff: number | null,
): Promise<readonly CreditSum[]> {
  const { rows } = await client.query<Record<keyof CreditSum, string> & { version: number }>(
    `with ${NAMED}, home as (
       select named.event_id, newest.plan_id, newest.plan_version
       from named
       cross join lateral (
         select subscription_id, period_start, plan_id, plan_version from aforo_store.ratings rated
         where rated.tenant_id = $1 and rated.event_id = named.event_id and rated.time = named.time
           and rated.rated_at < $4 and rated.customer_id = $7 and rated.subscription_id is not null
         order by rated.revision desc
         limit 1) newest
       where newest.subscription_id = $2 and newest.period_start = $3
     ), taken as (
       select home.plan_id, home.plan_version,
         case when posting.destination = 'usage' then posting.source else posting.destination end as account,
         case when posting.destination = 'usage' then posting.amount else -posting.amount end as amount
       from home
       join aforo_store.credit_transactions transaction
         on transaction.tenant_id = $1 and transaction.event_id = home.event_id and transaction.customer_id = $7
       join aforo_store.credit_postings posting
         on posting.tenant_id = $1 and posting.customer_id = $7
         and posting.transaction_no = transaction.transaction_no and posting.recorded_at < $4
     )
     select taken.plan_id as "planId", taken.plan_version as version,
       coalesce(sum(taken.amount) filter (where granted.kind = 'promo'), 0)::text as promo,
       coalesce(sum(taken.amount) filter (where granted.kind = 'paid'), 0)::text as paid,
       coalesce(sum(taken.amount) filter (where granted.kind is null), 0)::text as overage
     from taken
     left join aforo_store.credit_grants granted
       on granted.tenant_id = $1 and granted.customer_id = $7
       and granted.grant_id::text = split_part(taken.account, ':', 2)
     group by 1, 2`,
    [...valuesOf(tenantId, unit, cutoff), customerId],
  )
  return rows.map((row) => ({
    planId: row.planId,
    version: row.version,
    promo: new Decimal(row.promo),
    paid: new Decimal(row.paid),
    overage: new Decimal(row.overage),
  }))
}

/** Events that were ever rated in the unit. An event's time lies in the period it is counted in. */
const NAMED = `named as (
    select distinct event_id, time from aforo_store.ratings
    where tenant_id = $1 and subscription_id = $2 and period_start = $3 and rated_at < $4
      and time >= $5 and time < $6)`

function valuesOf(tenantId: string, { term, period }: Unit, cutoff: number | null): unknown[] {
  const start = new Date(period.start).toISOString()
  return [tenantId, term.subscriptionId, start, cutoffText(cutoff), start, new Date(period.end).toISOString()]
}

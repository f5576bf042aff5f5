import type pg from 'pg'
import type { AuditReport, AuditScope } from '../../core/audit.ts'
import { askForGaps, countRows } from '../../schema/gap-query.ts'
import { inScope, scopeValues } from '../../schema/in-scope.ts'

/** Compares what events were debited with what they were charged, and follows each debit to its spans. */
export async function auditDebits(
  client: pg.PoolClient,
  scope: AuditScope,
  report: AuditReport,
): Promise<void> {
  const values = scopeValues(scope)
  await countRows(client, 'ledger_debits', DEBIT_COUNT, values, report)
  await askForGaps(client, { check: 'ledger_debits', text: OWED, values }, report)
  await askForGaps(client, { check: 'ledger_debits', text: ORIGINS, values }, report)
}

const DEBIT = `(
    select * from aforo_store.credit_transactions
    where event_id is not null and ($1::text is null or tenant_id = $1)
      and event_time >= $2::timestamptz and event_time < $3::timestamptz
      and ($4::text[] is null or event_id = any ($4) and event_time = any ($5::timestamptz[])))`

const DEBIT_COUNT = `
  select count(*) from ${DEBIT} debit`

/** What an event was debited, per customer, with what it was charged by plans that bill in credits. */
const OWED = `
  with debited as (
    select transaction.tenant_id, customer_id, event_id,
      sum(case when destination = 'usage' then amount else -amount end) as credits
    from ${DEBIT} transaction
    join aforo_store.credit_postings using (tenant_id, customer_id, transaction_no)
    where 'usage' in (source, destination)
    group by 1, 2, 3
  ), in_credits as (
    select tenant_id, plan_id, version, (body ->> 'credit_rate')::numeric as rate from aforo_store.plan_versions
    where ($1::text is null or tenant_id = $1) and body ->> 'bill_as' = 'credits' and body ? 'credit_rate'
  ), owed as (
    select tenant_id, customer_id, event_id, sum(credits) as credits
    from (
      select line.tenant_id, line.customer_id, line.event_id, line.subscription_id, line.plan_id, line.plan_version,
        round(sum(line.amount) / plan.rate, 18) as credits
      from aforo_store.price_lines line
      join in_credits plan on plan.tenant_id = line.tenant_id and plan.plan_id = line.plan_id
        and plan.version = line.plan_version
      where ${inScope('line')}
      group by 1, 2, 3, 4, 5, 6, plan.rate) by_plan
    group by 1, 2, 3
  )
  select 'event' as kind, tenant_id, event_id as id,
    format('owes %s %s credits, and was debited %s', customer_id, trim_scale(coalesce(owed.credits, 0)),
      trim_scale(coalesce(debited.credits, 0))) as found
  from owed full join debited using (tenant_id, customer_id, event_id)
  where coalesce(owed.credits, 0) <> coalesce(debited.credits, 0)`

/** From a debit to the revision it was made for, its rating and its spans. */
const ORIGINS = `
  select 'transaction' as kind, told.tenant_id, told.customer_id || '/' || transaction_no as id,
    case when event.event_id is null then 'is of a revision that was never cut'
      when rating.event_id is null then 'is of a revision that was never rated'
      else 'is of an event without spans' end as found
  from ${DEBIT} told
  left join aforo_store.events event on event.tenant_id = told.tenant_id and event.event_id = told.event_id
    and event.revision = told.revision and event.time = told.event_time
  left join aforo_store.ratings rating on rating.tenant_id = told.tenant_id and rating.event_id = told.event_id
    and rating.revision = told.revision and rating.time = told.event_time
  where event.event_id is null or rating.event_id is null
    or coalesce(jsonb_array_length(event.assembly -> 'spanIds'), 0) = 0`

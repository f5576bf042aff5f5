import type pg from 'pg'
import { waitingEvents } from '../../schema/budgets/waiting.ts'
import { databaseFault } from '../../schema/faults.ts'

/** Rows that are put into the queue at once. */
const SWEPT_MAX = 500
/** What a settled trace counts for beyond its ratings is looked at again after this. */
const LEFT_SECONDS = 10
/** A transaction that wrote spans without seeing that the tenant has a budget by then is over after this. */
const YOUNG_SECONDS = 60

/**
 * Has traces looked at that nobody told of: those that are settled and still count for something, as where a cut found
 * nothing new, and open ones of tenants whose first budget is new.
 * @returns whether any tenant has budgets
 */
export async function queueForgotten(pool: pg.Pool, now: Date): Promise<boolean> {
  try {
    const { rows } = await pool.query<{ has_work: boolean }>({
      name: 'running_any',
      text: `select exists (select from aforo_store.budget_tenants)
        or exists (select from aforo_store.spend_queue) as has_work`,
    })
    if (!rows[0]!.has_work) return false
    await pool.query({ name: 'running_sweep', text: SWEEP, values: [now] })
    return true
  } catch (error) {
    throw databaseFault(error)
  }
}

const SWEEP = `
  with left_over as (
    select open.tenant_id, open.trace_id
    from aforo_store.open_spend open
    left join aforo_store.traces trace using (tenant_id, trace_id)
    where open.event_id = '' and open.projected_at < $1::timestamptz - interval '${LEFT_SECONDS} seconds' and trace.cut_due_at is null
      and not exists (${waitingEvents('open.tenant_id', 'open.trace_id')})
    limit ${SWEPT_MAX}
  ),
  unseen as (
    select trace.tenant_id, trace.trace_id
    from aforo_store.budget_tenants tenant
    join aforo_store.traces trace using (tenant_id)
    where tenant.since > $1::timestamptz - interval '${YOUNG_SECONDS} seconds' and trace.cut_due_at is not null
      and not exists (
        select from aforo_store.open_spend open
        where open.tenant_id = trace.tenant_id and open.trace_id = trace.trace_id and open.spans >= trace.span_count)
    limit ${SWEPT_MAX}
  )
  insert into aforo_store.spend_queue (tenant_id, trace_id, not_before)
  select tenant_id, trace_id, timestamptz '-infinity'
  from (select * from left_over union select * from unseen) forgotten
  where not exists (
    select from aforo_store.spend_queue queued
    where queued.tenant_id = forgotten.tenant_id and queued.trace_id = forgotten.trace_id)`

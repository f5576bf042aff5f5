import type pg from 'pg'
import type { InvoiceWarning } from '../../core/invoice.ts'
import type { Period } from '../period.ts'

/** Revisions of a customer's events of a period that wait to be rated. */
export const WAITING = 'not_rated'

/**
 * What of a period could not be billed yet: exceptions of the customer's events, and of events that are nobody's;
 * revisions that wait for their rating; traces that are still open.
 */
export async function readWarnings(
  client: pg.ClientBase,
  tenantId: string,
  customerId: string,
  { start, end }: Period,
): Promise<readonly InvoiceWarning[]> {
  const { rows } = await client.query<{ kind: string; count: string; scope: InvoiceWarning['scope'] }>(
    `with listed as (
       select exception.kind, coalesce(exception.customer_id, event.customer_id) as customer_id
       from aforo_store.exceptions exception
       cross join lateral (
         select customer_id from aforo_store.events event
         where event.tenant_id = $1 and event.event_id = exception.event_id and event.time >= $3 and event.time < $4
         order by event.revision desc limit 1) event
       where exception.tenant_id = $1 and exception.resolved_at is null
         and exception.kind in ('unmetered', 'unpriced', 'unattributed', 'conflict', 'bad_time')
     ), waiting as (
       select event.customer_id
       from aforo_store.rating_queue queued
       join aforo_store.events event
         on event.tenant_id = queued.tenant_id and event.event_id = queued.event_id
         and event.revision = queued.revision and event.time = queued.time
       where queued.tenant_id = $1 and queued.time >= $3 and queued.time < $4
     ), warning as (
       select kind, customer_id from listed
       union all
       select '${WAITING}', customer_id from waiting
       union all
       select 'open_trace', null from aforo_store.traces
       where tenant_id = $1 and cut_due_at is not null and time_from < $4 and time_to >= $3
     )
     select kind, count(*)::text as count, case when customer_id is null then 'tenant' else 'customer' end as scope
     from warning where customer_id is null or customer_id = $2
     group by kind, customer_id is null, customer_id
     order by customer_id is null, kind`,
    [tenantId, customerId, new Date(start).toISOString(), new Date(end).toISOString()],
  )
  return rows.map((row) => ({ ...row, count: Number(row.count) }))
}

import type pg from 'pg'
import { pagesOf } from '../../schema/pages.ts'
import type { Stretch } from './journal.ts'

const PAGE_TRACES = 200

/** Of traces that are settled, what was received after their last cut: it changed nothing, and made no revision. */
export function laterStretches(source: pg.PoolClient): AsyncGenerator<readonly Stretch[], void, void> {
  return pagesOf<Stretch & pg.QueryResultRow>(
    source,
    `select t.tenant_id as "tenantId", encode(t.trace_id, 'hex') as "traceId",
       (extract(epoch from newest.recorded_at) * 1000000)::bigint::text as after, null as "upTo"
     from aforo_store.traces t
     cross join lateral (
       select e.recorded_at from aforo_store.events e
       where t.session_event_id is null and e.tenant_id = t.tenant_id
         and e.event_id = 'evt_' || encode(t.trace_id, 'hex') and e.revision = t.revision and e.time = t.event_time
       union all
       select c.recorded_at from aforo_store.contributions c
       where t.session_event_id is not null and c.tenant_id = t.tenant_id and c.trace_id = t.trace_id
         and c.cut = t.revision and c.event_id = t.session_event_id) newest
     where t.cut_due_at is null and t.last_received_at > newest.recorded_at`,
    [],
    PAGE_TRACES,
  )
}

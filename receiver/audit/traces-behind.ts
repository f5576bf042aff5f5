import type pg from 'pg'
import type { AuditScope } from '../../core/audit.ts'
import { inScope, scopeValues } from '../../schema/in-scope.ts'
import type { TraceScope } from './traces.ts'

/**
 * The traces that the events named by a scope are or were of: by the name of an event, by its revisions, by what was
 * brought to it, and by what the traces themselves say. One of them suffices, so that none can hide a trace.
 */
export async function readTracesBehind(client: pg.PoolClient, scope: AuditScope): Promise<TraceScope> {
  const { rows } = await client.query<{ ids: string[] | null; since: string | null; until: string | null }>(
    `with behind as (
       select trace_id from aforo_store.events where ${inScope()}
       union
       select decode(substring(event_id from 5), 'hex') from unnest($4::text[]) as named (event_id)
       where event_id ~ '^evt_[0-9a-f]{32}$'
       union
       select trace_id from aforo_store.contributions where tenant_id = $1 and event_id = any ($4)
       union
       select trace_id from aforo_store.traces where tenant_id = $1 and session_event_id = any ($4)
     )
     select array_agg(encode(trace_id, 'hex')) as ids, min(trace.time_from)::text as since,
       (max(trace.time_to) + interval '1 us')::text as until
     from behind
     left join (select * from aforo_store.traces where tenant_id = $1) trace using (trace_id)`,
    [...scopeValues(scope)],
  )
  const { ids, since, until } = rows[0]!
  return {
    tenantId: scope.tenantId,
    from: since ?? '-infinity',
    to: until ?? 'infinity',
    traceIds: ids ?? [],
  }
}

import type pg from 'pg'
import type { SpendTrace } from './lock.ts'
import { keysOf } from './open-spend.ts'

/** What is still to come of a trace. */
export interface Waiting {
  /** Spans that no cut has seen, or a fact that its next cut is for. */
  readonly isDue: boolean
  /** Events of which a revision waits for its rating that was made for what this trace brought, or took away. */
  readonly events: readonly string[]
}

/** Reads what is still to come of traces, in their order; the caller holds them (`lockTraces`). */
export async function readWaiting(
  client: pg.ClientBase,
  traces: readonly SpendTrace[],
): Promise<readonly Waiting[]> {
  if (traces.length === 0) return []
  const { rows } = await client.query<{ is_due: boolean; events: string[] }>({
    name: 'budgets_waiting',
    text: `
      select coalesce(trace.is_due, false) as is_due, array(${waitingEvents('key.tenant_id', 'key.trace')}) as events
      from (
        select tenant_id, decode(trace_id, 'hex') as trace, no
        from unnest($1::text[], $2::text[]) with ordinality as told (tenant_id, trace_id, no)) key
      left join lateral (
        select cut_due_at is not null as is_due from aforo_store.traces t
        where t.tenant_id = key.tenant_id and t.trace_id = key.trace offset 0) trace on true
      order by key.no`,
    values: keysOf(traces),
  })
  return rows.map((row) => ({ isDue: row.is_due, events: row.events }))
}

/** A query of the ids of the events that wait for a trace's sake, of SQL expressions for its tenant and id. */
export function waitingEvents(tenantId: string, traceId: string): string {
  return `
    select queued.event_id from aforo_store.rating_queue queued
    where queued.tenant_id = ${tenantId} and queued.event_id = 'evt_' || encode(${traceId}, 'hex')
    union
    select brought.event_id from aforo_store.contributions brought
    cross join lateral (
      select from aforo_store.rating_queue q
      where q.tenant_id = brought.tenant_id and q.event_id = brought.event_id and q.revision = brought.event_revision
      offset 0) queued
    where brought.tenant_id = ${tenantId} and brought.trace_id = ${traceId}`
}

import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'
import type { ClaimedRevision } from '../claim.ts'
import { LOOK_SPANS_MAX, LOOK_TRACES_MAX } from './look.ts'

/** Revisions to be rated together, and the tenants of whose traces some are rated before anybody looked at them. */
export interface Ratable {
  readonly revisions: readonly ClaimedRevision[]
  readonly unseen: ReadonlySet<TenantId>
}

/**
 * Of claimed revisions as many, from the first on, as can be rated together: traces that nobody has looked at are looked at
 * with their rating, so that their calls and their holds count once, and that is bounded as every look is. A trace that does
 * not wait was looked at with all that its cut has seen. Nothing is read of tenants without budgets.
 */
export async function withinLook(
  client: pg.PoolClient,
  claimed: readonly ClaimedRevision[],
): Promise<Ratable> {
  const { rows } = await client.query<{ no: number; traces: number; spans: string }>({
    name: 'running_unseen',
    text: UNSEEN,
    values: [
      claimed.map(({ tenantId }) => tenantId),
      claimed.map(({ eventId }) => eventId),
      claimed.map(({ traceId }) => traceId),
      claimed.map(({ revision }) => revision),
    ],
  })
  const unseen = new Set<TenantId>()
  let [traces, spans] = [0, 0]
  for (const row of rows) {
    traces += row.traces
    spans += Number(row.spans)
    if (unseen.size > 0 && (traces > LOOK_TRACES_MAX || spans > LOOK_SPANS_MAX)) {
      return { revisions: claimed.slice(0, row.no - 1), unseen }
    }
    unseen.add(claimed[row.no - 1]!.tenantId)
  }
  return { revisions: claimed, unseen }
}

/** By revision the traces that it was made for and that wait. A session's event is made for those that brought something. */
const UNSEEN = `
  with key as (
    select * from unnest($1::text[], $2::text[], $3::bytea[], $4::integer[]) with ordinality
      as told (tenant_id, event_id, trace_id, revision, no)
    where tenant_id in (select tenant_id from aforo_store.budget_tenants)
  ),
  made_for as (
    select tenant_id, trace_id, no from key
    union
    select key.tenant_id, brought.trace_id, key.no
    from key
    cross join lateral (
      select trace_id from aforo_store.contributions c
      where c.tenant_id = key.tenant_id and c.event_id = key.event_id and c.event_revision = key.revision
      offset 0) brought
  )
  select no::integer as no, count(*)::integer as traces, sum(trace.span_count)::text as spans
  from made_for
  cross join lateral (
    select from aforo_store.spend_queue queued
    where queued.tenant_id = made_for.tenant_id and queued.trace_id = made_for.trace_id limit 1) waiting
  cross join lateral (
    select span_count from aforo_store.traces t
    where t.tenant_id = made_for.tenant_id and t.trace_id = made_for.trace_id offset 0) trace
  group by no order by no`

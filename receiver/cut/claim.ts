import type pg from 'pg'
import { alongIndex } from '../../schema/along-index.ts'
import type { DueTrace, TraceKey } from './trace.ts'

/** How an instant is selected to be put back unchanged. */
export const MICROS = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`

/** What to select of `traces` for `dueTraceOf`. */
export const DUE_COLUMNS = `
  tenant_id, encode(trace_id, 'hex') as trace_id, root_ended,
  extract(epoch from first_received_at)::double precision * 1000 as first_received_ms,
  extract(epoch from last_received_at)::double precision * 1000 as last_received_ms,
  extract(epoch from opened_at)::double precision * 1000 as opened_ms,
  span_count::double precision as span_count, open_span_count::double precision as open_span_count,
  revision, completed, cut_attempts,
  to_char(time_from at time zone 'UTC', ${MICROS}) as time_from,
  to_char(time_to at time zone 'UTC', ${MICROS}) as time_to,
  to_char(event_time at time zone 'UTC', ${MICROS}) as event_time, session_event_id, cut_rules`

/**
 * Claims due traces, the longest due first: nobody else gets them before this transaction ends. Taken are at most
 * `limit` traces and, of more than one, not more than `spansMax` spans: what is claimed is held in memory.
 */
export async function claimDue(
  client: pg.PoolClient,
  now: Date,
  limit: number,
  spansMax: number,
): Promise<DueTrace[]> {
  const { rows } = await alongIndex(client, () =>
    client.query<Record<string, unknown>>({
      name: 'cut_claim',
      text: `
      select ${DUE_COLUMNS}
      from aforo_store.traces
      where cut_due_at <= $1
      order by cut_due_at
      limit $2
      for update skip locked`,
      values: [now, limit],
    }),
  )
  return withinSpans(rows, spansMax)
}

/** Rows up to a number of spans; the first whatever it has. */
export function withinSpans(
  rows: readonly Readonly<Record<string, unknown>>[],
  spansMax: number,
): DueTrace[] {
  const claimed: DueTrace[] = []
  let spans = 0
  for (const row of rows) {
    spans += row.span_count as number
    if (claimed.length > 0 && spans > spansMax) break
    claimed.push(dueTraceOf(row))
  }
  return claimed
}

/**
 * Claims traces that were cut before, whether due or not; those that somebody else holds are left out. At most `limit`,
 * the first of their order.
 */
export async function claimCut(
  client: pg.PoolClient,
  traces: readonly TraceKey[],
  limit: number,
): Promise<DueTrace[]> {
  const { rows } = await client.query<Record<string, unknown>>({
    name: 'cut_claim_cut',
    text: `
      select ${DUE_COLUMNS}
      from aforo_store.traces
      where revision >= 0 and (tenant_id, trace_id) in (
        select tenant_id, decode(trace_id, 'hex') from unnest($1::text[], $2::text[]) as named (tenant_id, trace_id))
      order by traces.tenant_id, traces.trace_id
      limit $3
      for update skip locked`,
    values: [traces.map((trace) => trace.tenantId), traces.map((trace) => trace.traceId), limit],
  })
  return rows.map(dueTraceOf)
}

/** A row as `DUE_COLUMNS` selects it. */
export function dueTraceOf(row: Readonly<Record<string, unknown>>): DueTrace {
  return {
    tenantId: row.tenant_id as string,
    traceId: row.trace_id as string,
    rootEnded: row.root_ended as boolean,
    firstReceivedMs: Math.round(row.first_received_ms as number),
    lastReceivedMs: Math.round(row.last_received_ms as number),
    openedMs: Math.round(row.opened_ms as number),
    spanCount: row.span_count as number,
    openSpanCount: row.open_span_count as number,
    revision: row.revision as number,
    completed: row.completed as boolean,
    attempts: row.cut_attempts as number,
    timeFrom: row.time_from as string,
    timeTo: row.time_to as string,
    eventTime: row.event_time as string | null,
    sessionEventId: row.session_event_id as string | null,
    cutRules: row.cut_rules as number,
  }
}

/** Name of a trace within a claim. */
export function keyOf(trace: { readonly tenantId: string; readonly traceId: string }): string {
  return `${trace.tenantId}/${trace.traceId}`
}

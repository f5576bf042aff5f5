import type pg from 'pg'
import { ASSEMBLY_RULES } from '../../core/assembly-rules.ts'
import type { AuditReport, AuditScope } from '../../core/audit.ts'
import type { TraceId } from '../../core/ids.ts'
import { askForGaps, countRows } from '../../schema/gap-query.ts'
import { inScope, scopeValues } from '../../schema/in-scope.ts'

/** Ids of traces as their column holds them. */
export function traceBytes(traceIds: readonly TraceId[]): readonly Buffer[] {
  return traceIds.map((traceId) => Buffer.from(traceId, 'hex'))
}

/** Traces that are audited. */
export interface TraceScope extends Omit<AuditScope, 'events'> {
  /** Null: all whose event, or else whose last span, is of the time; else these, and `from` and `to` bound their spans. */
  readonly traceIds: readonly TraceId[] | null
}

/**
 * Compares traces with their journal rows as sets, in SQL: what is missing on one side, and what is counted otherwise on
 * the other. Traces that are due are told as pending.
 */
export async function auditTraces(
  client: pg.PoolClient,
  { tenantId, from, to, traceIds }: TraceScope,
  report: AuditReport,
): Promise<void> {
  const named = traceIds && traceBytes(traceIds)
  const values = [tenantId, from, to, named]
  await countRows(
    client,
    'traces',
    `select count(*) from aforo_store.traces t where ${TRACE_IN_SCOPE}`,
    values,
    report,
  )
  await askForGaps(client, { check: 'traces', text: MISCOUNTED, values }, report)
  await askForGaps(client, { check: 'traces', text: UNSETTLED, values }, report)
  await askForGaps(client, { check: 'sightings', text: LOST_OWNERS, values: [tenantId, named] }, report)
  const { rows } = await client.query<{ due: string; without: string; older: string }>(
    `select count(*) filter (where t.cut_due_at is not null)::text as due,
       count(*) filter (where not t.has_usage)::text as without,
      count(*) filter (where t.cut_rules < $5 and t.revision >= 0 and t.cut_due_at is null)::text as older
     from aforo_store.traces t where ${TRACE_IN_SCOPE}`,
    [...values, ASSEMBLY_RULES],
  )
  const { rows: untold } = await client.query<{ count: string }>(UNTOLD, [tenantId, named])
  report.pending('traces due', Number(rows[0]!.due))
  report.pending('traces whose calls another one has now', Number(untold[0]!.count))
  report.pending('traces without usage', Number(rows[0]!.without))
  report.pending('traces cut with older rules, which aforo recut cuts again', Number(rows[0]!.older))
}

/** Compares events with the traces that they are of, as sets, in SQL. */
export async function auditEventsOfTraces(
  client: pg.PoolClient,
  scope: AuditScope,
  report: AuditReport,
): Promise<void> {
  const values = scopeValues(scope)
  await askForGaps(client, { check: 'event_totals', text: STRAY_EVENTS, values }, report)
  await askForGaps(client, { check: 'event_totals', text: NOT_LEFT, values }, report)
  const members = [scope.tenantId, scope.events?.map(({ eventId }) => eventId) ?? null]
  await askForGaps(client, { check: 'sessions', text: LOST_MEMBERS, values: members }, report)
}

/** A trace that has no event yet is in scope by the times of its spans. */
const TRACE_IN_SCOPE = `($1::text is null or t.tenant_id = $1) and case
  when $4::bytea[] is null then coalesce(t.event_time, t.time_to) >= $2::timestamptz
    and coalesce(t.event_time, t.time_to) < $3::timestamptz
  else t.trace_id = any ($4) end`

/** Journal rows by trace against what the traces say of them, and either without the other. */
const MISCOUNTED = `
  with told as (
    select tenant_id, trace_id, count(*) as spans, min(time) as time_from, max(time) as time_to,
      min(received_at) as first_received_at, max(received_at) as last_received_at,
      bool_or(parent_span_id is null) as root_ended, bool_or(class <> 'other') as has_usage
    from aforo_store.usage_journal j
    where ($1::text is null or j.tenant_id = $1)
      and ($4::bytea[] is null
        or j.trace_id = any ($4) and j.time >= $2::timestamptz and j.time < $3::timestamptz)
    group by tenant_id, trace_id
  )
  select case when t.trace_id is null then 'journal row' else 'trace' end as kind, tenant_id,
    encode(trace_id, 'hex') as id,
    case
      when t.trace_id is null then format('%s journal rows belong to no trace', told.spans)
      when told.trace_id is null then format('has no journal row, and counts %s', t.span_count)
      when t.span_count <> told.spans then format('counts %s journal rows, and has %s', t.span_count, told.spans)
      when (t.time_from, t.time_to) is distinct from (told.time_from, told.time_to)
        then format('says its rows are from %s to %s, and they are from %s to %s', t.time_from, t.time_to,
          told.time_from, told.time_to)
      when (t.first_received_at, t.last_received_at)
          is distinct from (told.first_received_at, told.last_received_at)
        then format('says its rows were received from %s to %s, and they were from %s to %s', t.first_received_at,
          t.last_received_at, told.first_received_at, told.last_received_at)
      when t.root_ended <> told.root_ended then format('says root_ended is %s', t.root_ended)
      else format('says has_usage is %s', t.has_usage)
    end as found
  from told full join (
    select * from aforo_store.traces t
    where ($1::text is null or t.tenant_id = $1) and ($4::bytea[] is null or t.trace_id = any ($4))) t
    using (tenant_id, trace_id)
  where ($4::bytea[] is not null or coalesce(t.event_time, t.time_to, told.time_to) >= $2::timestamptz
      and coalesce(t.event_time, t.time_to, told.time_to) < $3::timestamptz)
    and (t.span_count, t.time_from, t.time_to, t.first_received_at, t.last_received_at, t.root_ended, t.has_usage)
      is distinct from (told.spans, told.time_from, told.time_to, told.first_received_at, told.last_received_at,
        told.root_ended, told.has_usage)`

/** A trace with usage that is neither due nor cut would never be billed. */
const UNSETTLED = `
  select 'trace' as kind, t.tenant_id, encode(t.trace_id, 'hex') as id,
    case when t.has_usage and t.cut_due_at is null and t.revision < 0 then 'has usage and is neither due nor cut'
      when t.revision >= 0 and t.event_time is null then 'was cut and names no time of its event'
      else 'waits for a completed fact and is not due' end as found
  from aforo_store.traces t
  where ${TRACE_IN_SCOPE} and (
    (t.has_usage and t.cut_due_at is null and t.revision < 0) or (t.revision >= 0 and t.event_time is null)
    or (t.completed and t.cut_due_at is null))`

/** Every revision is of a trace that was cut that often, or of a session, at the time of its event. */
const STRAY_EVENTS = `
  select 'event' as kind, e.tenant_id, e.event_id as id,
    case when s.event_id is not null then format('revision %s is of %s, its session’s event is at revision %s of %s',
        e.revision, e.time, s.revision, s.time)
      when t.trace_id is null then format('revision %s belongs to no trace', e.revision)
      when e.event_id <> 'evt_' || encode(e.trace_id, 'hex') then format('revision %s is of another trace', e.revision)
      when t.revision < e.revision then format('revision %s is unknown to its trace, whose newest is %s', e.revision,
        t.revision)
      else format('revision %s is of %s, its trace says %s', e.revision, e.time, t.event_time) end as found
  from aforo_store.events e
  left join aforo_store.traces t on t.tenant_id = e.tenant_id and t.trace_id = e.trace_id
  left join aforo_store.session_events s on s.tenant_id = e.tenant_id and s.event_id = e.event_id
  where ${inScope('e')}
    and case when s.event_id is not null then s.revision < e.revision or s.time is distinct from e.time
      else t.trace_id is null or e.event_id <> 'evt_' || encode(e.trace_id, 'hex') or t.revision < e.revision
        or (t.event_time is distinct from e.time and t.session_event_id is null) end`

/** A trace that an event of a session has is in its own event no more. */
const NOT_LEFT = `
  select 'event' as kind, e.tenant_id, e.event_id as id,
    format('still has %s calls and %s tokens of a trace that %s has', sum(e.model_calls),
      sum(e.input_tokens + e.output_tokens), t.session_event_id) as found
  from aforo_store.traces t
  join aforo_store.events e on e.tenant_id = t.tenant_id and e.event_id = 'evt_' || encode(t.trace_id, 'hex')
  where t.session_event_id is not null and ${inScope('e')}
  group by e.tenant_id, e.event_id, t.session_event_id
  having sum(e.model_calls) <> 0 or sum(e.tool_calls) <> 0 or sum(e.reasoning_steps) <> 0
    or sum(e.input_tokens) <> 0 or sum(e.output_tokens) <> 0 or sum(e.embedding_tokens) <> 0`

const NAMED_EVENT = '($1::text is null or tenant_id = $1) and ($2::text[] is null or event_id = any ($2))'

/** A trace names the event of a session that joins it, and no other joins it. */
const LOST_MEMBERS = `
  with newest as (
    select distinct on (tenant_id, event_id, trace_id) tenant_id, event_id, trace_id, assembly is null as left_it
    from aforo_store.contributions
    where ${NAMED_EVENT}
    order by tenant_id, event_id, trace_id, cut desc
  ),
  named as (
    select tenant_id, session_event_id as event_id, trace_id from aforo_store.traces
    where session_event_id is not null and ${NAMED_EVENT.replace('event_id', 'session_event_id')}
  )
  select 'trace' as kind, tenant_id, encode(trace_id, 'hex') as id,
    format(case when named.trace_id is null then 'is joined by %s, and does not name it'
      else 'names %s, which does not join it' end, event_id) as found
  from (select * from newest where not left_it) newest
  full join named using (tenant_id, event_id, trace_id)
  where newest.left_it is null or named.trace_id is null`

/** Traces that are cut again because of what was decided about their calls: until then they are not compared. */
const UNTOLD = `
  select count(distinct trace_id) from aforo_store.call_sightings
  where not told and ($1::text is null or tenant_id = $1) and ($2::bytea[] is null or trace_id = any ($2))`

const LOST_OWNERS = `
  select 'sighting' as kind, s.tenant_id, encode(s.trace_id, 'hex') || '/' || encode(s.span_id, 'hex') as id,
    format('names the owner %s/%s, which %s', encode(s.owner_trace_id, 'hex'), encode(s.owner_span_id, 'hex'),
      case when o.trace_id is null then 'is none' else 'names another' end) as found
  from aforo_store.call_sightings s
  left join aforo_store.call_sightings o
    on o.tenant_id = s.tenant_id and o.trace_id = s.owner_trace_id and o.span_id = s.owner_span_id
  where ($1::text is null or s.tenant_id = $1) and ($2::bytea[] is null or s.trace_id = any ($2))
    and (o.owner_trace_id is distinct from s.owner_trace_id or o.owner_span_id is distinct from s.owner_span_id)`

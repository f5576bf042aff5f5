import { COLUMN_NAMES } from './columns.ts'

const COLUMN_LIST = COLUMN_NAMES.join(', ')

/** Where rows land before the journal's key sifts them. It belongs to its connection and is empty after a commit. */
export const CREATE_STAGE = `
  create temp table if not exists journal_stage (like aforo_store.usage_journal) on commit delete rows`

export const STAGE = `pg_temp.journal_stage (${COLUMN_LIST})`

/**
 * Moves staged rows into the journal and tells their traces, in one statement. Only rows that are new say anything:
 * a batch of duplicates moves no trace. Traces are touched in the order of their key, as every transaction does. Those of
 * tenants with budgets are to be looked at for what they count for.
 * $1 quiet, $2 idle, $3 max age, in milliseconds; $4 spans at which a trace is due at once.
 */
export const APPEND_STAGED = `
  with added as (
    insert into aforo_store.usage_journal (${COLUMN_LIST})
    select ${COLUMN_LIST} from pg_temp.journal_stage
    on conflict do nothing
    returning tenant_id, trace_id, time, received_at, class, parent_span_id
  ),
  touched as (
    select tenant_id, trace_id, min(received_at) as first_received_at, max(received_at) as last_received_at,
      min(time) as time_from, max(time) as time_to, bool_or(parent_span_id is null) as root_ended,
      bool_or(class <> 'other') as has_usage, count(*) as span_count
    from added
    group by tenant_id, trace_id
  ),
  told as (
    insert into aforo_store.traces as trace (
      tenant_id, trace_id, first_received_at, last_received_at, time_from, time_to, root_ended, has_usage,
      span_count, opened_at, open_span_count, cut_due_at)
    select tenant_id, trace_id, first_received_at, last_received_at, time_from, time_to, root_ended, has_usage,
      span_count, first_received_at, span_count,
      ${dueAt({
        hasUsage: 'has_usage',
        ended: 'root_ended',
        received: 'last_received_at',
        opened: 'first_received_at',
        spans: 'span_count',
      })}
    from touched
    order by tenant_id, trace_id
    on conflict (tenant_id, trace_id) do update set
      first_received_at = least(trace.first_received_at, excluded.first_received_at),
      last_received_at = greatest(trace.last_received_at, excluded.last_received_at),
      time_from = least(trace.time_from, excluded.time_from),
      time_to = greatest(trace.time_to, excluded.time_to),
      root_ended = trace.root_ended or excluded.root_ended,
      has_usage = trace.has_usage or excluded.has_usage,
      span_count = trace.span_count + excluded.span_count,
      opened_at = ${openedAt()},
      open_span_count = trace.open_span_count + excluded.span_count,
      cut_due_at = ${dueAt({
        hasUsage: '(trace.has_usage or excluded.has_usage)',
        ended: '(trace.root_ended or excluded.root_ended or trace.revision >= 0)',
        received: 'greatest(trace.last_received_at, excluded.last_received_at)',
        opened: `(${openedAt()})`,
        spans: '(trace.open_span_count + excluded.span_count)',
      })}
    returning 1
  ),
  queued as (
    insert into aforo_store.spend_queue (tenant_id, trace_id, not_before)
    select tenant_id, trace_id, '-infinity' from touched
    where tenant_id in (select tenant_id from aforo_store.budget_tenants)
  )
  select (select count(*) from added)::int as added, (select count(*) from told)::int as traces`

/** A trace that is not due has no open period: it begins with these spans. */
function openedAt(): string {
  return 'case when trace.cut_due_at is null then excluded.opened_at else trace.opened_at end'
}

/** When a trace is due, of SQL expressions for what it depends on. */
function dueAt(of: {
  hasUsage: string
  ended: string
  received: string
  opened: string
  spans: string
}): string {
  return `case
        when not ${of.hasUsage} then null
        when ${of.spans} >= $4::bigint then ${of.received}
        else least(
          ${of.received} + case when ${of.ended} then $1::integer else $2::integer end * interval '1 millisecond',
          ${of.opened} + $3::integer * interval '1 millisecond')
      end`
}

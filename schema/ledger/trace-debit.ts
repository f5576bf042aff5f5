import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'

/** An entry of the ledger and everything it follows from; amounts and quantities are decimal text. */
export interface DebitTrace {
  readonly entry: object
  readonly event: object | null
  readonly price_lines: readonly object[]
  readonly cost_lines: readonly object[]
  /** The spans that the cost lines are about; where there are none, those of the trace. */
  readonly span_ids: readonly string[]
}

/**
 * Follows an entry to the revision it was made by, what that revision was charged, by which plan, what it cost, by
 * which price rows, and the spans that tell of it.
 * @throws AforoError `not_found`
 */
export async function traceDebit(pool: pg.Pool, tenantId: string, entryId: string): Promise<DebitTrace> {
  const { rows } = await pool.query<{ found: DebitTrace }>(TEXT, [tenantId, entryId])
  if (rows[0]) return rows[0].found
  throw new AforoError('not_found', `the ledger of tenant ${tenantId} has no entry ${entryId}`)
}

/** Decimals become text in the database: JSON would make numbers of them. */
const TEXT = `
  with entry as (
    select posting.*, transaction.kind, transaction.idempotency_key, transaction.content_hash,
      transaction.effective_at, transaction.event_id, transaction.revision, transaction.event_time
    from aforo_store.credit_postings posting
    join aforo_store.credit_transactions transaction using (tenant_id, customer_id, transaction_no)
    where posting.tenant_id = $1 and posting.entry_id = $2
  ), event as (
    select told.* from entry join aforo_store.events told
      on told.tenant_id = entry.tenant_id and told.event_id = entry.event_id and told.revision = entry.revision
      and told.time = entry.event_time
  ), price_lines as (
    select line.* from entry join aforo_store.price_lines line
      on line.tenant_id = entry.tenant_id and line.event_id = entry.event_id and line.revision = entry.revision
      and line.time = entry.event_time and line.customer_id = entry.customer_id
  ), cost_lines as (
    select line.*, array(select encode(span_id, 'hex') from unnest(line.span_ids) as span_id) as spans
    from entry join aforo_store.cost_lines line
      on line.tenant_id = entry.tenant_id and line.event_id = entry.event_id and line.revision = entry.revision
      and line.time = entry.event_time
  )
  select json_build_object(
    'entry', json_build_object(
      'entry_id', entry.entry_id, 'customer', entry.customer_id, 'entry_no', entry.entry_no,
      'transaction_no', entry.transaction_no, 'transaction_kind', entry.kind,
      'idempotency_key', entry.idempotency_key, 'content_hash', entry.content_hash,
      'source', entry.source, 'destination', entry.destination, 'amount', trim_scale(entry.amount)::text,
      'balance', trim_scale(entry.balance)::text, 'reverses', (
        select reversed.entry_id from aforo_store.credit_postings reversed
        where reversed.tenant_id = entry.tenant_id and reversed.customer_id = entry.customer_id
          and reversed.entry_no = entry.reverses),
      'effective_at', entry.effective_at, 'recorded_at', entry.recorded_at),
    'event', (
      select json_build_object('event_id', event_id, 'revision', revision, 'trace_id', encode(trace_id, 'hex'),
        'cut_reason', cut_reason, 'time', time, 'recorded_at', recorded_at)
      from event),
    'price_lines', coalesce((
      select json_agg(json_build_object('line_no', line_no, 'plan', plan_id, 'plan_version', plan_version,
        'meter_no', meter_no, 'meter', meter, 'part', part, 'provider', provider, 'model', model, 'tool', tool,
        'quantity', trim_scale(quantity)::text, 'amount', trim_scale(amount)::text,
        'credit_rate', (
          select said.body->>'credit_rate' from aforo_store.plan_versions said
          where said.tenant_id = price_lines.tenant_id and said.plan_id = price_lines.plan_id
            and said.version = price_lines.plan_version)) order by line_no)
      from price_lines), '[]'),
    'cost_lines', coalesce((
      select json_agg(json_build_object('line_no', line_no, 'part', part, 'provider', provider, 'model', model,
        'tool', tool, 'meter', meter, 'quantity', trim_scale(quantity)::text, 'price_row_id', price_row_id::text,
        'unit_price', trim_scale(unit_price)::text, 'per', per::text, 'currency', currency,
        'discount_pct', (
          select trim_scale(discount_pct)::text from aforo_store.price_discounts agreed
          where agreed.price_discount_id = cost_lines.price_discount_id),
        'price_discount_id', price_discount_id::text,
        'native_amount', trim_scale(coalesce(native_amount, amount))::text,
        'fx_usd', (select trim_scale(usd)::text from aforo_store.fx_rates rate where rate.fx_rate_id = cost_lines.fx_rate_id),
        'fx_rate_id', fx_rate_id::text, 'amount', trim_scale(amount)::text,
        'allocated', coalesce(allocated, false), 'span_ids', spans) order by line_no)
      from cost_lines), '[]'),
    'span_ids', coalesce(
      (select json_agg(distinct span_id) from cost_lines cross join unnest(spans) as span_id),
      (select assembly->'spanIds' from event)::json, '[]')) as found
  from entry`

import { TOTAL_COLUMNS } from '../../core/event.ts'

/** A column of an export. Text comes from traces and people; numbers are decimal text, times RFC 3339. */
export interface ExportColumn {
  readonly name: string
  readonly type: 'text' | 'number' | 'time'
  /** SQL of its value. */
  readonly value: string
}

/** What can be exported: its columns, and where they come from. $1 tenant, $2 from, $3 to, $4 customer; null: all. */
export interface ExportKind {
  readonly summary: string
  readonly columns: readonly ExportColumn[]
  /** From `from` on, in the order of an index: the first row comes at once and none is held. */
  readonly rows: string
}

const column =
  (type: ExportColumn['type']) =>
  (name: string, value: string = name): ExportColumn => ({ name, type, value })
const text = column('text')
const number = column('number')
const time = column('time')

const within = (instant: string) =>
  `($2::timestamptz is null or ${instant} >= $2) and ($3::timestamptz is null or ${instant} < $3)`

/**
 * Whether something that a line's revision adds to it has no price yet. Only lines of unpriced events are looked at more
 * closely: what has no index but by time is read for them alone.
 */
const UNPRICED = `((
      select rating.unpriced from aforo_store.ratings rating
      where (rating.tenant_id, rating.event_id, rating.revision, rating.time)
        = (line.tenant_id, line.event_id, line.revision, line.time))
    and exists (
      select from aforo_store.cost_lines cost
      where (cost.tenant_id, cost.time, cost.event_id, cost.revision, cost.part)
          = (line.tenant_id, line.time, line.event_id, line.revision, line.part)
        and (cost.provider, cost.model, cost.tool) is not distinct from (line.provider, line.model, line.tool)
        and cost.amount is null and cost.quantity > 0))`

/** One row per line of an event's stack and revision: quantities, cost and price by model and tool. Sums hold. */
const usage: ExportKind = {
  summary:
    'Quantities, cost and price by event, part, model and tool. Rows are differences: any sum over them holds. ' +
    'The cogs of what has no price yet are empty, never zero, and so is a price that is made of them; cogs_known and ' +
    'price_known add up.',
  columns: [
    text('event_id'),
    number('revision'),
    number('line_no'),
    time('time'),
    text('customer', 'customer_id'),
    text('product', 'product_id'),
    text('agent'),
    text('part'),
    text('provider'),
    text('model'),
    text('tool'),
    text('unit'),
    number('quantity'),
    number('calls'),
    number('unpriced_calls'),
    number('cogs', `case when ${UNPRICED} then null else line.cogs end`),
    number('cogs_known', 'line.cogs'),
    number('price', 'case when line.uncharged > 0 then null else line.price end'),
    number('price_known', 'line.price'),
  ],
  rows: `from aforo_store.event_lines line
    where tenant_id = $1 and ${within('time')} and ($4::text is null or customer_id = $4)
    order by time, event_id, revision, line_no`,
}

/** Sums of an event's revisions, looked up event by event. */
const sums = (table: string, columns: readonly string[]) => `cross join lateral (
      select ${columns.map((name) => `sum(${name}) as ${name}`).join(', ')}
      from aforo_store.${table} each
      where each.tenant_id = event.tenant_id and each.event_id = event.event_id and each.time = event.time) ${table}`

const TOTALS = Object.values(TOTAL_COLUMNS)

const STATUS = `coalesce(newest.status, 'pending')`
const IS_CHARGED = `${STATUS} not in ('pending', 'unattributed')`
const PRICE = `case when ${IS_CHARGED} and newest.uncharged is not true then ratings.price end`
const COGS = `case when not newest.unpriced then ratings.cogs end`

const events: ExportKind = {
  summary: 'Billable events, whole: sums over their revisions. What is not known is empty, never zero.',
  columns: [
    text('event_id', 'event.event_id'),
    text('trace_id', `encode(event.trace_id, 'hex')`),
    number('revision', 'event.revision'),
    text('cut_reason', 'event.cut_reason'),
    text('status', STATUS),
    time('time', 'event.time'),
    text('customer', 'event.customer_id'),
    text('product', 'event.product_id'),
    text('agent', 'event.agent'),
    text('session', 'event.session_id'),
    time('started_at', 'event.started_at'),
    time('ended_at', 'event.ended_at'),
    ...TOTALS.map((name) => number(name, `events.${name}`)),
    number('cogs', COGS),
    number('cogs_known', 'ratings.cogs'),
    number('price', PRICE),
    number('price_known', `case when ${IS_CHARGED} then ratings.price end`),
    number('margin', `(${PRICE}) - (${COGS})`),
    number('credits', 'case when newest.uncharged is not true then ratings.credits end'),
    text('currency', 'newest.currency'),
  ],
  rows: `from aforo_store.events event
    left join aforo_store.ratings newest
      on newest.tenant_id = event.tenant_id and newest.event_id = event.event_id
      and newest.revision = event.revision and newest.time = event.time
    ${sums('events', TOTALS)}
    ${sums('ratings', ['cogs', 'price', 'credits'])}
    where event.tenant_id = $1 and ${within('event.time')} and ($4::text is null or event.customer_id = $4)
      and not exists (
        select from aforo_store.events later
        where later.tenant_id = event.tenant_id and later.event_id = event.event_id and later.time = event.time
          and later.revision > event.revision)
    order by event.time, event.event_id`,
}

const ledger: ExportKind = {
  summary: 'Every posting of credits, by customer and number; `from` and `to` are of when it was recorded.',
  columns: [
    text('customer', 'posting.customer_id'),
    number('entry_no', 'posting.entry_no'),
    text('entry_id', 'posting.entry_id'),
    number('transaction_no', 'posting.transaction_no'),
    text('kind', 'transaction.kind'),
    text('source', 'posting.source'),
    text('destination', 'posting.destination'),
    number('amount', 'posting.amount'),
    number(
      'change',
      `case when posting.destination like 'grant:%' then posting.amount else 0 end
        - case when posting.source like 'grant:%' then posting.amount else 0 end`,
    ),
    number('balance', 'posting.balance'),
    number('reverses', 'posting.reverses'),
    time('effective_at', 'transaction.effective_at'),
    time('recorded_at', 'posting.recorded_at'),
    text('event_id', 'transaction.event_id'),
    number('revision', 'transaction.revision'),
  ],
  rows: `from aforo_store.credit_postings posting
    join aforo_store.credit_transactions transaction using (tenant_id, customer_id, transaction_no)
    where tenant_id = $1 and ${within('posting.recorded_at')} and ($4::text is null or customer_id = $4)
    order by tenant_id, customer_id, posting.entry_no`,
}

const invoices: ExportKind = {
  summary:
    'Invoices and credit notes; `from` and `to` are of where their period begins. A draft has no number yet.',
  columns: [
    text('invoice_id'),
    text('kind'),
    text('number', `document->>'number'`),
    text('status'),
    text('customer', 'customer_id'),
    text('currency'),
    time('period_from'),
    time('period_to'),
    time('cutoff'),
    number('amount_exact'),
    number('subtotal'),
    number('discount'),
    number('tax'),
    number('total'),
    number('credits_applied'),
    number('amount_due'),
    time('due_at', `(document->>'due_at')::timestamptz`),
    time('recorded_at'),
    time('finalized_at'),
    time('paid_at'),
    time('uncollectible_at'),
    time('voided_at'),
  ],
  rows: `from aforo_store.invoices
    where tenant_id = $1 and ${within('period_from')} and ($4::text is null or customer_id = $4)
    order by period_from, invoice_id`,
}

const invoice_lines: ExportKind = {
  summary:
    'Lines of invoices, exact and rounded; `from` and `to` are of where the period of their usage begins.',
  columns: [
    text('invoice_id', 'line.invoice_id'),
    number('line_no', 'line.line_no'),
    text('status', 'invoice.status'),
    text('customer', 'invoice.customer_id'),
    text('currency', 'invoice.currency'),
    text('kind', 'line.kind'),
    text('plan', 'line.plan_id'),
    number('plan_version', 'line.plan_version'),
    text('meter', 'line.meter'),
    text('provider', 'line.provider'),
    text('model', 'line.model'),
    text('tool', 'line.tool'),
    number('quantity', 'line.quantity'),
    text('unit', 'line.unit'),
    number('amount_exact', 'line.amount_exact'),
    number('amount', 'line.amount'),
    number('residual', 'line.residual'),
    time('period_from', 'line.period_from'),
    time('period_to', 'line.period_to'),
  ],
  rows: `from aforo_store.invoice_lines line
    join aforo_store.invoices invoice using (tenant_id, invoice_id)
    where tenant_id = $1 and ${within('line.period_from')} and ($4::text is null or invoice.customer_id = $4)
    order by line.period_from, line.invoice_id, line.line_no`,
}

export const EXPORTS = { usage, events, ledger, invoices, invoice_lines } as const satisfies Record<
  string,
  ExportKind
>
export type ExportName = keyof typeof EXPORTS
export const EXPORT_NAMES = Object.keys(EXPORTS) as [ExportName, ...ExportName[]]

/** The statement of an export: each value as text that is exact, null where there is none. */
export function exportQuery({ columns, rows }: ExportKind): string {
  return `select ${columns.map(({ name, type, value }) => `${textOf(type, value)} as "${name}"`).join(', ')} ${rows}`
}

function textOf(type: ExportColumn['type'], value: string): string {
  switch (type) {
    case 'text':
      return value
    case 'number':
      return `trim_scale((${value})::numeric)::text`
    case 'time':
      return `to_char((${value}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
  }
}

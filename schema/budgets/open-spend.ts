import type pg from 'pg'
import { decimalText } from '../../core/money.ts'
import { isNothing, minusSpend, NO_SPEND, type Placement, type SpendEntry } from '../../core/spending.ts'
import type { SpendTrace } from './lock.ts'
import { AMOUNTS, entryOfRow, PLACEMENT, type SpendRow } from './rated.ts'

/** What a trace counts for beyond the ratings of the events that have it, or had it. */
export interface OpenSpend {
  /** All that it comes to. */
  readonly total: SpendEntry
  /** What ratings hold of that, by event, taken back from where they count it, but of this trace: as its rows are kept. */
  readonly takenBack: ReadonlyMap<string, SpendEntry>
  /** Journal rows it is made of. */
  readonly spans: number
  /** Other traces decide what it counts for. */
  readonly mirrored: boolean
}

/** What the ratings of an event hold of a trace, or by how much one changes that; where they count it from then on. */
export interface RatedPart extends SpendEntry {
  readonly eventId: string
}

/** Of an open trace, what it comes to in all, and what of that ratings hold. */
export function beyond(
  total: SpendEntry,
  parts: readonly RatedPart[],
  { spans, mirrored }: Pick<OpenSpend, 'spans' | 'mirrored'>,
): OpenSpend {
  return afterRating({ total, takenBack: new Map(), spans, mirrored }, parts)
}

/** A rating takes over from what is open, to the last digit: in all the trace comes to what it came to before. */
export function afterRating(open: OpenSpend, changes: readonly RatedPart[]): OpenSpend {
  const takenBack = new Map(open.takenBack)
  for (const { eventId, placement, spend } of changes) {
    const left = minusSpend(takenBack.get(eventId)?.spend ?? NO_SPEND, spend)
    if (isNothing(left)) takenBack.delete(eventId)
    else
      takenBack.set(eventId, {
        placement: ofTrace(placement, open.total.placement.spender.trace),
        spend: left,
      })
  }
  return { ...open, takenBack }
}

/** A session's event counts under the first of its traces, whatever it has of the others. */
export function ofTrace(placement: Placement, trace: string | null): Placement {
  return { ...placement, spender: { ...placement.spender, trace } }
}

export function entriesOf(open: OpenSpend | null): readonly SpendEntry[] {
  return open === null ? [] : [open.total, ...open.takenBack.values()]
}

/** Reads what traces count for; the caller holds them (`lockTraces`). In the order of the traces, null where nothing is. */
export async function readOpenSpend(
  client: pg.ClientBase,
  traces: readonly SpendTrace[],
): Promise<readonly (OpenSpend | null)[]> {
  if (traces.length === 0) return []
  const { rows } = await client.query<SpendRow & { event_id: string; spans: string; mirrored: boolean }>({
    name: 'budgets_open',
    text: `select event_id, spans, mirrored, ${AMOUNTS}, ${PLACEMENT}
      from aforo_store.open_spend
      where (tenant_id, trace_id) in (
        select tenant_id, decode(trace_id, 'hex') from unnest($1::text[], $2::text[]) as key (tenant_id, trace_id))`,
    values: keysOf(traces),
  })
  const byTrace = Map.groupBy(rows, (row) => `${row.tenant_id} ${row.trace_id}`)
  return traces.map(({ tenantId, traceId }) => {
    const found = byTrace.get(`${tenantId} ${traceId}`)
    const total = found?.find((row) => row.event_id === ALL_OF_IT)
    if (total === undefined) return null
    const others = found!.filter((row) => row !== total)
    return {
      total: entryOfRow(total),
      takenBack: new Map(others.map((row) => [row.event_id, entryOfRow(row)])),
      spans: Number(total.spans),
      mirrored: total.mirrored,
    }
  })
}

/** In place of an event's id, in the row of what a trace comes to in all. */
const ALL_OF_IT = ''

/** A trace and what it is to count for; null: nothing beyond its ratings. */
export interface OpenSpendChange {
  readonly trace: SpendTrace
  readonly open: OpenSpend | null
}

/** Writes what traces count for; the caller holds them and moves the counters by the difference. */
export async function writeOpenSpend(
  client: pg.ClientBase,
  changes: readonly OpenSpendChange[],
  now: Date,
): Promise<void> {
  const kept = changes.filter(({ open }) => open !== null)
  const rows = kept.flatMap(rowsOf)
  await client.query({
    name: 'budgets_open_gone',
    text: `delete from aforo_store.open_spend open
      using unnest($1::text[], $2::text[]) as key (tenant_id, trace_id)
      where open.tenant_id = key.tenant_id and open.trace_id = decode(key.trace_id, 'hex')
        and not exists (
          select from unnest($3::text[], $4::text[], $5::text[]) as kept (tenant_id, trace_id, event_id)
          where kept.tenant_id = key.tenant_id and kept.trace_id = key.trace_id and kept.event_id = open.event_id)`,
    values: [
      ...keysOf(changes.map(({ trace }) => trace)),
      rows.map((row) => row.tenant_id),
      rows.map((row) => row.trace_id),
      rows.map((row) => row.event_id),
    ],
  })
  if (rows.length === 0) return
  await client.query({ name: 'budgets_open_write', text: WRITE, values: [JSON.stringify(rows), now] })
}

const VALUES = `time, month_start, spent_at, customer_id, product_id, agent, session_id, price, cogs, credits, tokens,
  model_calls, tool_calls, reasoning_steps, spans, mirrored`

const WRITE = `
  insert into aforo_store.open_spend as open (tenant_id, trace_id, event_id, ${VALUES}, projected_at)
  select tenant_id, decode(trace_id, 'hex'), event_id, ${VALUES}, $2
  from jsonb_to_recordset($1::jsonb) as row (tenant_id text, trace_id text, event_id text, time timestamptz,
    month_start timestamptz, spent_at timestamptz, customer_id text, product_id text, agent text, session_id text,
    price numeric, cogs numeric, credits numeric, tokens bigint, model_calls bigint, tool_calls bigint,
    reasoning_steps bigint, spans bigint, mirrored boolean)
  order by 1, 2, 3
  on conflict (tenant_id, trace_id, event_id) do update set (${VALUES}, projected_at) = row (
    ${VALUES.replaceAll(/\w+/g, 'excluded.$&')}, excluded.projected_at)`

function rowsOf({ trace, open }: OpenSpendChange) {
  const { total, takenBack, spans, mirrored } = open!
  const row = ({ placement, spend }: SpendEntry, eventId: string) => ({
    tenant_id: trace.tenantId,
    trace_id: trace.traceId,
    event_id: eventId,
    time: new Date(placement.time).toISOString(),
    month_start: new Date(placement.monthStart).toISOString(),
    spent_at: new Date(placement.spentAt).toISOString(),
    customer_id: placement.spender.customer,
    product_id: placement.spender.product,
    agent: placement.spender.agent,
    session_id: placement.spender.session,
    price: decimalText(spend.price),
    cogs: decimalText(spend.cogs),
    credits: decimalText(spend.credits),
    tokens: decimalText(spend.tokens),
    model_calls: decimalText(spend.modelCalls),
    tool_calls: decimalText(spend.toolCalls),
    reasoning_steps: decimalText(spend.reasoningSteps),
    spans,
    mirrored,
  })
  return [row(total, ALL_OF_IT), ...[...takenBack].map(([eventId, entry]) => row(entry, eventId))]
}

/** Parallel arrays for `unnest`. */
export function keysOf(traces: readonly SpendTrace[]): [string[], string[]] {
  return [traces.map(({ tenantId }) => tenantId), traces.map(({ traceId }) => traceId)]
}

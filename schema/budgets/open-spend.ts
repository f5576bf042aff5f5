import type pg from 'pg'
import { decimalText } from '../../core/money.ts'
import { isNothing, isSamePlacement, minusSpend, negated, type SpendEntry } from '../../core/spending.ts'
import type { SpendTrace } from './lock.ts'
import { AMOUNTS, entryOfRow, PLACEMENT, type SpendRow } from './rated.ts'

/** What a trace counts for beyond the ratings of its event. */
export interface OpenSpend {
  /** All of it as it is now, where `takenBack` is there; else what is beyond the ratings. */
  readonly now: SpendEntry
  /** What was rated under who the trace was then, taken back from there. */
  readonly takenBack: SpendEntry | null
  /** Journal rows it is made of. */
  readonly spans: number
  /** Other traces decide what it counts for. */
  readonly mirrored: boolean
}

/** Of an open trace, what it comes to in all, and what of that was rated: its rows. */
export function beyond(
  total: SpendEntry,
  rated: SpendEntry | null,
  { spans, mirrored }: Pick<OpenSpend, 'spans' | 'mirrored'>,
): OpenSpend {
  if (rated === null) return { now: total, takenBack: null, spans, mirrored }
  if (isSamePlacement(total.placement, rated.placement)) {
    const now = { placement: total.placement, spend: minusSpend(total.spend, rated.spend) }
    return { now, takenBack: null, spans, mirrored }
  }
  const takenBack = { placement: rated.placement, spend: negated(rated.spend) }
  return { now: total, takenBack: isNothing(rated.spend) ? null : takenBack, spans, mirrored }
}

export function entriesOf(open: OpenSpend | null): readonly SpendEntry[] {
  if (open === null) return []
  return open.takenBack === null ? [open.now] : [open.now, open.takenBack]
}

/** Reads what traces count for; the caller holds them (`lockTraces`). In the order of the traces, null where nothing is. */
export async function readOpenSpend(
  client: pg.ClientBase,
  traces: readonly SpendTrace[],
): Promise<readonly (OpenSpend | null)[]> {
  if (traces.length === 0) return []
  const { rows } = await client.query<SpendRow & { taken_back: boolean; spans: string; mirrored: boolean }>({
    name: 'budgets_open',
    text: `select taken_back, spans, mirrored, ${AMOUNTS}, ${PLACEMENT}
      from aforo_store.open_spend
      where (tenant_id, trace_id) in (
        select tenant_id, decode(trace_id, 'hex') from unnest($1::text[], $2::text[]) as key (tenant_id, trace_id))`,
    values: keysOf(traces),
  })
  const byTrace = Map.groupBy(rows, (row) => `${row.tenant_id} ${row.trace_id}`)
  return traces.map(({ tenantId, traceId }) => {
    const found = byTrace.get(`${tenantId} ${traceId}`)
    const now = found?.find((row) => !row.taken_back)
    if (now === undefined) return null
    const before = found?.find((row) => row.taken_back)
    return {
      now: entryOfRow(now),
      takenBack: before === undefined ? null : entryOfRow(before),
      spans: Number(now.spans),
      mirrored: now.mirrored,
    }
  })
}

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
  await client.query({
    name: 'budgets_open_gone',
    text: `delete from aforo_store.open_spend open
      using unnest($1::text[], $2::text[], $3::boolean[], $4::boolean[]) as key (tenant_id, trace_id, now, taken_back)
      where open.tenant_id = key.tenant_id and open.trace_id = decode(key.trace_id, 'hex')
        and not case when open.taken_back then key.taken_back else key.now end`,
    values: [
      ...keysOf(changes.map(({ trace }) => trace)),
      changes.map(({ open }) => open !== null),
      changes.map(({ open }) => (open?.takenBack ?? null) !== null),
    ],
  })
  if (kept.length === 0) return
  await client.query({
    name: 'budgets_open_write',
    text: WRITE,
    values: [JSON.stringify(kept.flatMap(rowsOf)), now],
  })
}

const VALUES = `time, month_start, spent_at, customer_id, product_id, agent, session_id, price, cogs, credits, tokens,
  model_calls, tool_calls, reasoning_steps, spans, mirrored`

const WRITE = `
  insert into aforo_store.open_spend as open (tenant_id, trace_id, taken_back, ${VALUES}, projected_at)
  select tenant_id, decode(trace_id, 'hex'), taken_back, ${VALUES}, $2
  from jsonb_to_recordset($1::jsonb) as row (tenant_id text, trace_id text, taken_back boolean, time timestamptz,
    month_start timestamptz, spent_at timestamptz, customer_id text, product_id text, agent text, session_id text,
    price numeric, cogs numeric, credits numeric, tokens bigint, model_calls bigint, tool_calls bigint,
    reasoning_steps bigint, spans bigint, mirrored boolean)
  order by 1, 2, 3
  on conflict (tenant_id, trace_id, taken_back) do update set (${VALUES}, projected_at) = row (
    ${VALUES.replaceAll(/\w+/g, 'excluded.$&')}, excluded.projected_at)`

function rowsOf({ trace, open }: OpenSpendChange): readonly object[] {
  const { now, takenBack, spans, mirrored } = open!
  const row = ({ placement, spend }: SpendEntry, isTakenBack: boolean) => ({
    tenant_id: trace.tenantId,
    trace_id: trace.traceId,
    taken_back: isTakenBack,
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
  return takenBack === null ? [row(now, false)] : [row(now, false), row(takenBack, true)]
}

/** Parallel arrays for `unnest`. */
export function keysOf(traces: readonly SpendTrace[]): [string[], string[]] {
  return [traces.map(({ tenantId }) => tenantId), traces.map(({ traceId }) => traceId)]
}

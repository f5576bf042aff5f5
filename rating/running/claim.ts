import type pg from 'pg'
import { alongIndex } from '../../schema/along-index.ts'
import type { SpendTrace } from '../../schema/budgets/lock.ts'
import { keysOf } from '../../schema/budgets/open-spend.ts'

/** A trace that is to be looked at, with the rows of the queue that say so. */
export interface QueuedTrace extends SpendTrace {
  readonly queueIds: readonly string[]
}

/** Rows of the queue taken in one transaction. */
const ROWS_MAX = 1_000

/**
 * Claims what waits: nobody else gets these rows before the transaction ends. Of one trace all rows are one.
 * @param only this trace alone
 */
export async function claimQueued(
  client: pg.PoolClient,
  now: Date,
  only: SpendTrace | null,
): Promise<readonly QueuedTrace[]> {
  const { rows } = await alongIndex(client, () =>
    client.query<{ queue_id: string; tenant_id: string; trace_id: string }>({
      name: 'running_claim',
      text: `
        select queue_id, tenant_id, encode(trace_id, 'hex') as trace_id
        from aforo_store.spend_queue
        where not_before <= $1 and ($2::text is null or (tenant_id = $2 and trace_id = decode($3, 'hex')))
        order by not_before, queue_id
        limit ${ROWS_MAX}
        for update skip locked`,
      values: [now, only?.tenantId ?? null, only?.traceId ?? null],
    }),
  )
  const groups = Map.groupBy(rows, (row) => `${row.tenant_id} ${row.trace_id}`)
  return [...groups.values()].map((found) => ({
    tenantId: found[0]!.tenant_id,
    traceId: found[0]!.trace_id,
    queueIds: found.map((row) => row.queue_id),
  }))
}

/** Takes what was looked at off the queue. */
export async function dequeue(client: pg.PoolClient, traces: readonly QueuedTrace[]): Promise<void> {
  if (traces.length === 0) return
  await client.query({
    name: 'running_dequeue',
    text: 'delete from aforo_store.spend_queue where queue_id = any ($1::bigint[])',
    values: [traces.flatMap(({ queueIds }) => queueIds)],
  })
}

/** Leaves traces in the queue until an instant each. */
export async function postponeQueued(
  client: pg.ClientBase,
  traces: readonly { readonly trace: QueuedTrace; readonly until: Date }[],
): Promise<void> {
  if (traces.length === 0) return
  const rows = traces.flatMap(({ trace, until }) => trace.queueIds.map((id) => ({ id, until })))
  await client.query({
    name: 'running_postpone',
    text: `update aforo_store.spend_queue queued set not_before = later.until
      from unnest($1::bigint[], $2::timestamptz[]) as later (queue_id, until)
      where queued.queue_id = later.queue_id`,
    values: [rows.map(({ id }) => id), rows.map(({ until }) => until.toISOString())],
  })
}

/** How large traces are, and when they were looked at last; in their order, null for one that has no spans. */
export async function readSizes(
  client: pg.PoolClient,
  traces: readonly SpendTrace[],
): Promise<readonly ({ readonly spans: number; readonly projectedMs: number | null } | null)[]> {
  const { rows } = await client.query<{ no: number; spans: string; projected_ms: string | null }>({
    name: 'running_sizes',
    text: `
      select key.no::integer as no, trace.span_count as spans,
        floor(extract(epoch from open.projected_at) * 1000)::text as projected_ms
      from unnest($1::text[], $2::text[]) with ordinality as key (tenant_id, trace_id, no)
      cross join lateral (
        select span_count from aforo_store.traces t
        where t.tenant_id = key.tenant_id and t.trace_id = decode(key.trace_id, 'hex') and has_usage offset 0) trace
      left join lateral (
        select projected_at from aforo_store.open_spend o
        where o.tenant_id = key.tenant_id and o.trace_id = decode(key.trace_id, 'hex') and event_id = ''
        offset 0) open on true`,
    values: keysOf(traces),
  })
  const sizes = new Map(rows.map((row) => [row.no, row]))
  return traces.map((_, i) => {
    const row = sizes.get(i + 1)
    if (row === undefined) return null
    return {
      spans: Number(row.spans),
      projectedMs: row.projected_ms === null ? null : Number(row.projected_ms),
    }
  })
}

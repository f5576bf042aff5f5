import type pg from 'pg'
import type { UsageTotals } from '../../core/event.ts'
import { eventIdOf } from '../../core/ids.ts'
import { unpackAssembly } from '../../core/packed-assembly.ts'
import { keyOf } from '../cut/claim.ts'
import type { DueTrace } from '../cut/trace.ts'
import type { CountedDocument } from './counts.ts'

/** An event as its rows have it. */
export interface StoredEvent {
  /** Numbers of the revisions, in order. */
  readonly revisions: readonly number[]
  /** Sums over the revisions. */
  readonly totals: UsageTotals
  /** Of the newest revision. */
  readonly newest: NewestRevision
}

export interface NewestRevision {
  readonly document: CountedDocument
  readonly customer: string | null
  readonly product: string | null
  readonly agent: string | null
  readonly session: string | null
  /** Microseconds since 1970, as text. */
  readonly startedAt: string
  readonly endedAt: string
}

/** An exception that is not resolved, of a kind the cut lists. */
export interface StoredException {
  readonly kind: string
  readonly spanId: string
  readonly reason: string
  readonly open: boolean
  readonly resolution: string | null
}

const COUNTS = {
  modelCalls: 'model_calls',
  unmeteredCalls: 'unmetered_calls',
  toolCalls: 'tool_calls',
  reasoningSteps: 'reasoning_steps',
  inputTokens: 'input_tokens',
  cacheReadTokens: 'cache_read_tokens',
  cacheWriteTokens: 'cache_write_tokens',
  outputTokens: 'output_tokens',
  reasoningTokens: 'reasoning_tokens',
  embeddingTokens: 'embedding_tokens',
} as const satisfies Record<keyof UsageTotals, string>

/** The events of traces, by `keyOf`; only rows that are where the trace says. */
export async function readStoredEvents(
  client: pg.PoolClient,
  traces: readonly DueTrace[],
): Promise<ReadonlyMap<string, StoredEvent>> {
  const sums = Object.values(COUNTS).map((column) => `sum(${column})::text as ${column}`)
  const { rows } = await client.query<Record<string, unknown>>({
    name: 'audit_events',
    text: `
      select due.no, revisions, ${Object.values(COUNTS).join(', ')}, newest.*
      from unnest($1::text[], $2::text[], $3::bytea[], $4::timestamptz[])
        with ordinality as due (tenant_id, event_id, trace_id, time, no)
      cross join lateral (
        select array_agg(revision order by revision) as revisions, ${sums.join(', ')}
        from aforo_store.events e
        where e.tenant_id = due.tenant_id and e.event_id = due.event_id and e.time = due.time
          and e.trace_id = due.trace_id
        offset 0) summed
      cross join lateral (
        select assembly, customer_id, product_id, agent, session_id,
          (extract(epoch from started_at) * 1000000)::bigint::text as started_at,
          (extract(epoch from ended_at) * 1000000)::bigint::text as ended_at
        from aforo_store.events e
        where e.tenant_id = due.tenant_id and e.event_id = due.event_id and e.time = due.time
        order by e.revision desc limit 1) newest
      where revisions is not null`,
    values: [
      traces.map((trace) => trace.tenantId),
      traces.map((trace) => eventIdOf(trace.traceId)),
      traces.map((trace) => Buffer.from(trace.traceId, 'hex')),
      traces.map((trace) => trace.eventTime),
    ],
  })
  return new Map(rows.map((row) => [keyOf(traces[Number(row.no) - 1]!), storedEvent(row)]))
}

function storedEvent(row: Readonly<Record<string, unknown>>): StoredEvent {
  const totals = Object.fromEntries(
    Object.entries(COUNTS).map(([field, column]) => [field, Number(row[column])]),
  ) as unknown as UsageTotals
  return {
    revisions: row.revisions as number[],
    totals,
    newest: {
      document: unpackAssembly(row.assembly) as object as CountedDocument,
      customer: row.customer_id as string | null,
      product: row.product_id as string | null,
      agent: row.agent as string | null,
      session: row.session_id as string | null,
      startedAt: row.started_at as string,
      endedAt: row.ended_at as string,
    },
  }
}

/** The exceptions of those kinds of traces' events, by `keyOf`. */
export async function readStoredExceptions(
  client: pg.PoolClient,
  traces: readonly DueTrace[],
  kinds: readonly string[],
): Promise<ReadonlyMap<string, readonly StoredException[]>> {
  const { rows } = await client.query<Record<string, unknown>>({
    name: 'audit_exceptions',
    text: `
      select due.no, x.kind, coalesce(encode(x.span_id, 'hex'), '') as span_id, x.reason,
        x.resolved_at is null as open, x.resolution
      from unnest($1::text[], $2::text[]) with ordinality as due (tenant_id, event_id, no)
      join aforo_store.exceptions x on x.tenant_id = due.tenant_id and x.event_id = due.event_id
      where x.kind = any ($3)`,
    values: [traces.map((trace) => trace.tenantId), traces.map((trace) => eventIdOf(trace.traceId)), kinds],
  })
  return Map.groupBy(
    rows.map((row) => ({
      key: keyOf(traces[Number(row.no) - 1]!),
      kind: row.kind as string,
      spanId: row.span_id as string,
      reason: row.reason as string,
      open: row.open as boolean,
      resolution: row.resolution as string | null,
    })),
    ({ key }) => key,
  )
}

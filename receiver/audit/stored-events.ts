import type pg from 'pg'
import type { AssemblyDocument } from '../../core/assembly-document.ts'
import { TOTAL_COLUMNS, type UsageTotals } from '../../core/event.ts'
import { eventIdOf } from '../../core/ids.ts'
import { unpackAssembly } from '../../core/packed-assembly.ts'
import { keyOf } from '../cut/claim.ts'
import type { DueTrace } from '../cut/trace.ts'

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
  /** Null where the newest is not the one its trace names; text where it is no assembly: why not. */
  readonly document: AssemblyDocument | string | null
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

/** An event as something else names it. */
export interface WantedEvent {
  readonly tenantId: string
  readonly eventId: string
  /** Null: of whichever trace. */
  readonly traceId: string | null
  readonly time: string | null
  /** The newest. */
  readonly revision: number
}

/** The events of traces, by `keyOf`; only rows that are where the trace says. */
export async function readEventsOfTraces(
  client: pg.PoolClient,
  traces: readonly DueTrace[],
): Promise<ReadonlyMap<string, StoredEvent>> {
  const wanted = traces.map(({ tenantId, traceId, eventTime, revision }) => {
    return { tenantId, eventId: eventIdOf(traceId), traceId, time: eventTime, revision }
  })
  const events = await readStoredEvents(client, wanted)
  return new Map(
    traces.flatMap((trace, i) => (events[i] === undefined ? [] : [[keyOf(trace), events[i]] as const])),
  )
}

/** Events in the order in which they are wanted; only rows that are where they are wanted. */
export async function readStoredEvents(
  client: pg.PoolClient,
  wanted: readonly WantedEvent[],
): Promise<readonly (StoredEvent | undefined)[]> {
  const { rows } = await client.query<EventRow>({
    name: 'audit_events',
    text: `
      select due.no::integer as no, e.revision,
        ${Object.values(TOTAL_COLUMNS)
          .map((column) => `e.${column}::double precision as ${column}`)
          .join(', ')},
        case when e.revision = due.revision then e.assembly end as assembly,
        e.customer_id, e.product_id, e.agent, e.session_id,
        (extract(epoch from e.started_at) * 1000000)::bigint::text as started_at,
        (extract(epoch from e.ended_at) * 1000000)::bigint::text as ended_at
      from unnest($1::text[], $2::text[], $3::bytea[], $4::timestamptz[], $5::integer[])
        with ordinality as due (tenant_id, event_id, trace_id, time, revision, no)
      cross join lateral (
        select * from aforo_store.events e
        where e.tenant_id = due.tenant_id and e.event_id = due.event_id and e.time = due.time
          and e.trace_id = coalesce(due.trace_id, e.trace_id)
        offset 0) e
      order by due.no, e.revision`,
    values: [
      wanted.map(({ tenantId }) => tenantId),
      wanted.map(({ eventId }) => eventId),
      wanted.map(({ traceId }) => traceId && Buffer.from(traceId, 'hex')),
      wanted.map(({ time }) => time),
      wanted.map(({ revision }) => revision),
    ],
  })
  const events: (StoredEvent | undefined)[] = wanted.map(() => undefined)
  for (const [no, revisions] of Map.groupBy(rows, (row) => row.no)) events[no - 1] = storedEvent(revisions)
  return events
}

interface EventRow extends Readonly<Record<(typeof TOTAL_COLUMNS)[keyof typeof TOTAL_COLUMNS], number>> {
  readonly no: number
  readonly revision: number
  readonly assembly: unknown
  readonly customer_id: string | null
  readonly product_id: string | null
  readonly agent: string | null
  readonly session_id: string | null
  readonly started_at: string
  readonly ended_at: string
}

function storedEvent(rows: readonly EventRow[]): StoredEvent {
  const totals: Record<string, number> = {}
  for (const [field, column] of Object.entries(TOTAL_COLUMNS)) {
    totals[field] = rows.reduce((sum, row) => sum + row[column], 0)
  }
  const newest = rows.at(-1)!
  return {
    revisions: rows.map((row) => row.revision),
    totals: totals as unknown as UsageTotals,
    newest: {
      document: newest.assembly === null ? null : documentOf(newest.assembly),
      customer: newest.customer_id,
      product: newest.product_id,
      agent: newest.agent,
      session: newest.session_id,
      startedAt: newest.started_at,
      endedAt: newest.ended_at,
    },
  }
}

/** The assembly that is stored, or why it cannot be read. */
export function documentOf(stored: unknown): AssemblyDocument | string {
  try {
    return unpackAssembly(stored)
  } catch (error) {
    return (error as Error).message
  }
}

/** The exceptions of those kinds about traces, listed with the event that has each, by `keyOf`. */
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
      from unnest($1::text[], $2::text[], $3::bytea[]) with ordinality as due (tenant_id, event_id, trace_id, no)
      join aforo_store.exceptions x
        on x.tenant_id = due.tenant_id and x.event_id = due.event_id and x.trace_id = due.trace_id
      where x.kind = any ($4)`,
    values: [
      traces.map((trace) => trace.tenantId),
      traces.map((trace) => trace.sessionEventId ?? eventIdOf(trace.traceId)),
      traces.map((trace) => Buffer.from(trace.traceId, 'hex')),
      kinds,
    ],
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

import { createHash } from 'node:crypto'
import type pg from 'pg'
import type { SpanId, TraceId } from '../../core/ids.ts'
import type { AnomalyKind } from '../../core/usage.ts'
import type { TraceCut } from './revision.ts'

/** Anomalies of an assembly that stay listed until they are resolved. The rating lists its own kinds. */
export const LISTED_KINDS = [
  'unmetered',
  'conflict',
  'bad_time',
  'unknown_unit',
  'bad_number',
] as const satisfies readonly AnomalyKind[]

/** `resolution` of an exception that a later revision no longer has. Such a one may come back. */
export const NO_LONGER_TRUE = 'no longer true'

/** An exception of a trace. The same kind about the same span is the same exception, whenever it is found. */
export interface TraceException {
  readonly tenantId: string
  readonly eventId: string
  readonly traceId: TraceId
  readonly kind: (typeof LISTED_KINDS)[number]
  /** Empty where it is about the whole trace. */
  readonly spanId: SpanId
  readonly reason: string
  readonly provider: string | null
  readonly model: string | null
  readonly customer: string | null
}

/** Lists the anomalies of traces that changed and resolves those that are gone. What a person resolved stays so. */
export async function settleExceptions(
  client: pg.PoolClient,
  cuts: readonly TraceCut[],
  now: Date,
): Promise<void> {
  await moveExceptions(client, cuts)
  const found = cuts.flatMap(exceptionsOf)
  await listExceptions(client, found, now)
  // Nothing was listed of a trace that is cut for the first time, at the first try.
  const listedBefore = cuts.filter(({ trace }) => trace.revision >= 0 || trace.attempts > 0)
  if (listedBefore.length === 0) return
  await client.query({
    name: 'cut_exceptions_gone',
    text: `
      update aforo_store.exceptions x
      set resolved_at = $5, resolution = '${NO_LONGER_TRUE}'
      from unnest($1::text[], $2::text[], $3::bytea[]) as cut (tenant_id, event_id, trace_id)
      where x.tenant_id = cut.tenant_id and x.event_id = cut.event_id and x.trace_id = cut.trace_id
        and x.kind = any ($6) and x.resolved_at is null and x.exception_id <> all ($4::text[])`,
    values: [...namesOf(listedBefore), found.map(exceptionId), now, LISTED_KINDS],
  })
}

/** What was listed of a trace goes with it where another event has it now. */
async function moveExceptions(client: pg.PoolClient, cuts: readonly TraceCut[]): Promise<void> {
  const moved = cuts.filter(({ movedFrom }) => movedFrom !== null)
  if (moved.length === 0) return
  await client.query({
    name: 'cut_exceptions_moved',
    text: `
      update aforo_store.exceptions x set event_id = moved.event_id
      from unnest($1::text[], $2::text[], $3::bytea[], $4::text[])
        as moved (tenant_id, event_id, trace_id, moved_from)
      where x.tenant_id = moved.tenant_id and x.event_id = moved.moved_from and x.trace_id = moved.trace_id
        and x.kind = any ($5) and x.reason <> 'rating_failed'`,
    values: [...namesOf(moved), moved.map(({ movedFrom }) => movedFrom), LISTED_KINDS],
  })
}

function namesOf(cuts: readonly TraceCut[]): [string[], string[], Buffer[]] {
  return [
    cuts.map(({ trace }) => trace.tenantId),
    cuts.map(({ eventId }) => eventId),
    cuts.map(({ trace }) => Buffer.from(trace.traceId, 'hex')),
  ]
}

export async function listExceptions(
  client: pg.PoolClient,
  exceptions: readonly TraceException[],
  now: Date,
): Promise<void> {
  const byId = new Map(
    exceptions.map((exception) => [`${exception.tenantId}/${exceptionId(exception)}`, exception]),
  )
  if (byId.size === 0) return
  await client.query({
    name: 'cut_exceptions',
    text: `
      insert into aforo_store.exceptions as x (
        tenant_id, exception_id, kind, event_id, trace_id, span_id, provider, model, customer_id, reason, recorded_at)
      select tenant_id, exception_id, kind, event_id, decode(trace_id, 'hex'), decode(nullif(span_id, ''), 'hex'),
        provider, model, customer_id, reason, $2
      from jsonb_to_recordset($1::jsonb) as r (
        tenant_id text, exception_id text, kind text, event_id text, trace_id text, span_id text, provider text,
        model text, customer_id text, reason text)
      order by tenant_id, exception_id
      on conflict (tenant_id, exception_id) do update set
        reason = excluded.reason, provider = excluded.provider, model = excluded.model,
        customer_id = excluded.customer_id, resolved_at = null, resolution = null
      where x.resolved_at is null or x.resolution = '${NO_LONGER_TRUE}'`,
    values: [JSON.stringify([...byId.values()].map(exceptionRow)), now],
  })
}

function exceptionsOf({ trace, assembly, eventId }: TraceCut): TraceException[] {
  const calls = new Map(assembly.calls.flatMap((call) => call.spanIds.map((spanId) => [spanId, call])))
  const exceptions: TraceException[] = []
  for (const { kind, spanId, reason } of assembly.anomalies) {
    const listed = LISTED_KINDS.find((known) => known === kind)
    if (listed === undefined) continue
    const call = calls.get(spanId)
    exceptions.push({
      tenantId: trace.tenantId,
      eventId,
      traceId: trace.traceId,
      kind: listed,
      spanId,
      reason,
      provider: call?.provider ?? null,
      model: call?.model ?? null,
      customer: assembly.customer,
    })
  }
  return exceptions
}

function exceptionId({ kind, traceId, spanId }: TraceException): string {
  const hash = createHash('sha256').update(`${kind}/${traceId}/${spanId}`).digest('hex')
  return `exc_${hash.slice(0, 32)}`
}

function exceptionRow(exception: TraceException): object {
  return {
    tenant_id: exception.tenantId,
    exception_id: exceptionId(exception),
    kind: exception.kind,
    event_id: exception.eventId,
    trace_id: exception.traceId,
    span_id: exception.spanId,
    provider: exception.provider,
    model: exception.model,
    customer_id: exception.customer,
    reason: exception.reason,
  }
}

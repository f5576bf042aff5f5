import { createHash } from 'node:crypto'
import type pg from 'pg'
import { isBilledElsewhere, traceOfSpan } from '../core/assembly.ts'
import type { SpanId, TraceId } from '../core/ids.ts'
import type { ClaimedRevision } from './claim.ts'
import type { CostLine } from './costs/cost.ts'
import { noRateFor } from './costs/cost-sums.ts'
import type { RatedEvent } from './rate-event.ts'

/** An exception that the rating lists: what keeps an event from being billed in full. */
export interface Finding {
  readonly event: ClaimedRevision
  readonly kind: 'unpriced' | 'unattributed' | 'conflict' | 'cost_drift'
  /** A span it is about; null where it is about the event. */
  readonly spanId: SpanId | null
  /** The trace of that span, where the event joins several. */
  readonly spanTraceId?: TraceId | null
  readonly provider: string | null
  readonly model: string | null
  readonly reason: string
}

/** The provider that an exception names whose plan's currency has no rate; its model is the currency. */
const FX_PROVIDER = 'fx'

/**
 * What is to be listed for an event: one per model or tool without a price, one per model whose calls report another
 * cost than the computed one, and one where nobody can be charged.
 */
export function findingsOf({
  event,
  assembly,
  costs,
  reported,
  attribution,
  wantsRate,
}: RatedEvent): readonly Finding[] {
  const findings: Finding[] = []
  const groups = costs.some((line) => line.price === null) ? Map.groupBy(costs, subjectOf).values() : []
  for (const lines of groups) {
    const unpriced = lines.filter((line) => line.price === null)
    // What is known to be lacking is told first: its arrival completes the event.
    const first = unpriced.find((line) => line.wants) ?? unpriced[0]
    if (!first) continue
    const tool = first.provider === null && first.model === null && first.tool !== null
    findings.push({
      event,
      kind: 'unpriced',
      spanId: first.spanIds[0] ?? null,
      provider: tool ? 'tool' : first.provider,
      model: tool ? first.tool : first.model,
      reason: reasonOf(first, unpriced.length === lines.length),
    })
  }
  if (wantsRate !== null) {
    const about = { spanId: null, provider: FX_PROVIDER, model: wantsRate }
    findings.push({ event, kind: 'unpriced', ...about, reason: noRateFor(wantsRate) })
  }
  for (const { provider, model, spanIds, drift } of reported) {
    if (drift === null) continue
    findings.push({ event, kind: 'cost_drift', spanId: spanIds[0] ?? null, provider, model, reason: drift })
  }
  if (typeof attribution === 'string' && !isBilledElsewhere(assembly)) {
    const about = { spanId: null, provider: null, model: null }
    findings.push({ event, kind: 'unattributed', ...about, reason: attribution })
  }
  if (assembly.joined === undefined) return findings
  return findings.map((finding) => ({
    ...finding,
    spanTraceId: finding.spanId && traceOfSpan(assembly, finding.spanId),
  }))
}

/** Lists what is found and resolves what was listed for these events before and is no longer true. */
export async function writeFindings(
  client: pg.PoolClient,
  events: readonly RatedEvent[],
  now: Date,
): Promise<void> {
  const findings = events.flatMap((rated) => findingsOf(rated))
  const listedBefore = events.filter(({ event }) => event.revision > 0 || event.attempts > 0)
  if (listedBefore.length > 0) {
    await client.query(
      `update aforo_store.exceptions listed set resolved_at = $1, resolution = 'completed'
       from unnest($2::text[], $3::text[]) as event (tenant_id, event_id)
       where listed.tenant_id = event.tenant_id and listed.event_id = event.event_id
         and (listed.kind in ('unpriced', 'unattributed', 'cost_drift')
           or (listed.kind = 'conflict' and listed.reason = 'rating_failed'))
         and listed.resolved_at is null and listed.exception_id <> all ($4::text[])`,
      [
        now.toISOString(),
        listedBefore.map(({ event }) => event.tenantId),
        listedBefore.map(({ event }) => event.eventId),
        findings.map(findingId),
      ],
    )
  }
  await list(client, findings, now)
}

/**
 * Lists findings. One that is listed already stays as it is; one that was resolved by a fact which was taken back is
 * opened again; one that a person has closed stays closed while its reason is the same.
 */
export async function list(client: pg.PoolClient, findings: readonly Finding[], now: Date): Promise<void> {
  if (findings.length === 0) return
  await client.query(
    `insert into aforo_store.exceptions
       (tenant_id, exception_id, kind, event_id, trace_id, provider, model, customer_id, reason, span_id, recorded_at)
     select found.*, $11::timestamptz
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::text[], $8::text[],
       $9::text[], $10::bytea[]) as found
     on conflict (tenant_id, exception_id) do update
       set reason = excluded.reason, customer_id = excluded.customer_id, trace_id = excluded.trace_id,
         span_id = excluded.span_id, resolved_at = null, resolution = null
       where (exceptions.resolved_at is not null and exceptions.resolution = 'completed')
         or exceptions.reason <> excluded.reason
         or (exceptions.trace_id <> excluded.trace_id and exceptions.resolved_at is null)
         or exceptions.customer_id is distinct from excluded.customer_id`,
    [
      findings.map((finding) => finding.event.tenantId),
      findings.map(findingId),
      findings.map((finding) => finding.kind),
      findings.map((finding) => finding.event.eventId),
      findings.map(({ spanTraceId, event }) =>
        spanTraceId ? Buffer.from(spanTraceId, 'hex') : event.traceId,
      ),
      findings.map((finding) => finding.provider),
      findings.map((finding) => finding.model),
      findings.map((finding) => finding.event.customer),
      findings.map((finding) => finding.reason),
      findings.map((finding) => finding.spanId && Buffer.from(finding.spanId, 'hex')),
      now.toISOString(),
    ],
  )
}

function subjectOf(line: CostLine): string {
  const { provider, model, tool } = line
  return JSON.stringify(provider === null && model === null ? [tool] : [provider, model])
}

function reasonOf(line: CostLine, nothingPriced: boolean): string {
  if (line.wants) return line.wants
  if (nothingPriced) return line.serviceTier === 'standard' ? 'no_price' : 'no_price_for_tier'
  return `no_price_for_${line.meter}`
}

/** The same subject of the same event is the same exception, in every revision and every replay. */
function findingId({ event, kind, provider, model, reason }: Finding): string {
  const subject = kind === 'conflict' ? [kind, event.eventId, reason] : [kind, event.eventId, provider, model]
  return `exc_${createHash('sha256').update(JSON.stringify(subject)).digest('hex').slice(0, 24)}`
}

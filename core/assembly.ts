import type { SpanId, TraceId } from './ids.ts'
import type { UnixNano } from './time.ts'
import type { Anomaly, TokenBuckets } from './usage.ts'

/** One provider request that consumed tokens: the unit of truth. Several spans may have told of it. */
export interface ModelCall {
  /** The span whose usage counts. Identifies the call within its trace. */
  readonly spanId: SpanId
  /** Every span that observed this call, `spanId` first, the rest sorted. */
  readonly spanIds: readonly SpanId[]
  readonly kind: 'chat' | 'embedding'
  /** `wrapper` where only an agent's own total tells of its calls. */
  readonly granularity: 'call' | 'wrapper'
  readonly provider: string | null
  /** What the provider says it ran, else what was asked for; null where no span names a model. */
  readonly model: string | null
  readonly requestModel: string | null
  readonly responseId: string | null
  readonly startNano: UnixNano
  readonly endNano: UnixNano
  /** False: the call happened, its usage is unknown, all buckets are zero and it stands in the anomalies. */
  readonly metered: boolean
  readonly buckets: TokenBuckets
  readonly reasoningSteps: number
  readonly quantities: Readonly<Record<string, number>>
  readonly serviceTier: string | null
  readonly region: string | null
  readonly reportedCost: string | null
  readonly estimated: boolean
  /** The answer of an earlier call, given again out of a cache or by a resumed run: its provider charges nothing. */
  readonly cacheHit: boolean
  /** Its times are not believed: it is priced at the instant it was received. */
  readonly badTime: boolean
}

/** One execution of a tool. */
export interface ToolCall {
  readonly spanId: SpanId
  readonly name: string
  readonly callId: string | null
  readonly type: string | null
  readonly startNano: UnixNano
  readonly endNano: UnixNano
}

/** What a trace amounts to: a pure function of its journal rows, in whatever order they came. */
export interface Assembly {
  readonly calls: readonly ModelCall[]
  readonly tools: readonly ToolCall[]
  /** Σ of the calls' steps, plus one per `plan` span. */
  readonly reasoningSteps: number
  readonly anomalies: readonly Anomaly[]
  readonly startNano: UnixNano
  readonly endNano: UnixNano
  readonly customer: string | null
  readonly product: string | null
  readonly session: string | null
  readonly agent: string | null
  /** All spans that say something about usage, in the order of their starts. */
  readonly spanIds: readonly SpanId[]
  /** Only of a session's event: what its traces have beside their calls and tools. */
  readonly joined?: JoinedTraces
}

/** The traces that a session's event joins. */
export interface JoinedTraces {
  /** In the order of their starts. `spans`: how many of the assembly's `spanIds` are theirs, which are in the same order. */
  readonly traces: readonly { readonly traceId: TraceId; readonly spans: number }[]
  /** How many of them have something of their own: all but those whose calls are billed with another trace. */
  readonly counted: number
  /** Nanoseconds in which at least one of these ran; of those whose times are believed. */
  readonly runningNano: bigint
}

/** Whether all that an event tells is billed with another: it is there to point to that one, and nothing is charged. */
export function isBilledElsewhere({ calls, tools, anomalies, joined }: Assembly): boolean {
  if (joined !== undefined) return joined.counted === 0
  return calls.length === 0 && tools.length === 0 && anomalies.some(({ kind }) => POINTERS.has(kind))
}

const POINTERS: ReadonlySet<string> = new Set(['mirror', 'joined'])

/** Which trace of a session's event a span is of; null where the event is of one trace, or has no such span. */
export function traceOfSpan({ joined, spanIds }: Assembly, spanId: SpanId): TraceId | null {
  const at = joined === undefined ? -1 : spanIds.indexOf(spanId)
  let before = 0
  for (const { traceId, spans } of at < 0 ? [] : joined!.traces) {
    before += spans
    if (at < before) return traceId
  }
  return null
}

import type { SpanId } from './ids.ts'
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
}

/** Whether all that a trace tells is another trace's: its event is there to point to those, and nothing is charged. */
export function isMirrorOnly({ calls, tools, anomalies }: Assembly): boolean {
  return calls.length === 0 && tools.length === 0 && anomalies.some(({ kind }) => kind === 'mirror')
}

import type { SpanId, TraceId } from './ids.ts'
import type { SpanKind } from './span.ts'
import type { UnixNano } from './time.ts'

/**
 * What a span is to the counting of model calls.
 *  call     one request to a model            embed    one embedding request
 *  tool     one tool execution                wrapper  an agent, chain or step around calls; may repeat their usage
 *  fetch    a poll for the result of a call   other    everything else: kept for its place in the tree
 */
export type UsageClass = 'call' | 'embed' | 'tool' | 'wrapper' | 'fetch' | 'other'

/**
 * Tokens in disjoint buckets: the sum is what the provider counted, nothing is in two of them. Counts are whole
 * numbers below 2^53.
 */
export interface TokenBuckets {
  readonly inputUncached: number
  readonly cacheRead: number
  /** Cache writes that live five minutes, or whose lifetime is not told. */
  readonly cacheWrite: number
  /** Cache writes that live one hour. */
  readonly cacheWrite1h: number
  /** Output without reasoning. */
  readonly outputText: number
  readonly outputReasoning: number
}

export const NO_TOKENS: TokenBuckets = {
  inputUncached: 0,
  cacheRead: 0,
  cacheWrite: 0,
  cacheWrite1h: 0,
  outputText: 0,
  outputReasoning: 0,
}

/** All input tokens, cached ones included (OpenTelemetry's `gen_ai.usage.input_tokens`). */
export function inputTokens(b: TokenBuckets): number {
  return b.inputUncached + b.cacheRead + b.cacheWrite + b.cacheWrite1h
}

/** All output tokens, reasoning included (OpenTelemetry's `gen_ai.usage.output_tokens`). */
export function outputTokens(b: TokenBuckets): number {
  return b.outputText + b.outputReasoning
}

/**
 * How it was decided whether cached tokens are part of the reported input.
 *  disjoint  the span states the buckets themselves
 *  certain   the numbers of the span leave no other reading
 *  table     the dialect's row says so
 *  assumed   the convention of OpenTelemetry, for want of better
 */
export type InputConvention = 'disjoint' | 'certain' | 'table' | 'assumed'

/** Something about a span or a trace that a person should see. `reason` is one word in snake case. */
export interface Anomaly {
  readonly kind: AnomalyKind
  /** The span it is about; empty where it is about the whole trace. */
  readonly spanId: SpanId
  readonly reason: string
}

/** Anomalies that are listed as exceptions until they are resolved. The reason of an `unknown_unit` are the units' names. */
export const EXCEPTION_KINDS = [
  'unmetered',
  'unpriced',
  'unattributed',
  'conflict',
  'bad_time',
  'unknown_unit',
  'bad_number',
  'cost_drift',
] as const

/**
 * The others are told with the event. The reason of a `mirror` is the trace that has the call, that of `joined` the event
 * of the session that has all of the trace.
 */
export type AnomalyKind =
  | (typeof EXCEPTION_KINDS)[number]
  | 'usage_ambiguous'
  | 'unclassified_usage'
  | 'mirror'
  | 'joined'

/** No single request costs more, in USD: the dearest model asks 600 for a million tokens. */
export const REPORTED_COST_MAX = 1_000_000

/**
 * One span, normalised: a row of the usage journal. Everything later is a function of these rows.
 * The tenant and the instant of receipt are the journal's, not the span's.
 */
export interface Usage {
  readonly traceId: TraceId
  readonly spanId: SpanId
  readonly parentSpanId: SpanId
  readonly name: string
  readonly kind: SpanKind
  readonly failed: boolean
  /** `error.type` or the like where the span failed: `429`, `timeout`, `AbortError`. */
  readonly errorType: string | null
  readonly startNano: UnixNano
  readonly endNano: UnixNano
  readonly scopeName: string
  readonly scopeVersion: string
  readonly serviceName: string | null
  readonly serviceInstance: string | null

  readonly usageClass: UsageClass
  /** A wrapper that starts an agent: a call beyond it is another call, not a layer of the same one. */
  readonly agentBoundary: boolean
  /** Id of the dialect's row that read the span; empty where none did. */
  readonly dialect: string

  /** OpenTelemetry's provider name where the span told it, in today's spelling: `openai`, `anthropic`, `gcp.gemini`. */
  readonly provider: string | null
  readonly requestModel: string | null
  readonly responseModel: string | null
  readonly responseId: string | null
  /** The provider's number of the request, where a span tells it: `req_…`. */
  readonly requestId: string | null
  /** Whether the span states usage. False for a call means `unmetered`, never zero. */
  readonly metered: boolean
  readonly buckets: TokenBuckets
  /** Total the span itself states, for cross-checks. */
  readonly totalTokens: number | null
  readonly inputConvention: InputConvention
  /** Whether the numbers are known to be an instrumentation's estimate. */
  readonly estimated: boolean
  /** Visible reasoning parts of the answer, where they can be counted without reading contents. */
  readonly reasoningParts: number | null
  /** A `plan` span: counts as one reasoning step. */
  readonly plan: boolean
  /** Further quantities by unit: `web_searches`, `images`, `input_audio_tokens`, … (subsets are never added up). */
  readonly quantities: Readonly<Record<string, number>>
  /** The tier the provider says it served: `standard`, `batch`, `flex`, `priority`. */
  readonly serviceTier: string | null
  readonly region: string | null
  /** Cost the span itself reports, decimal text in USD, with the key it came from. */
  readonly reportedCost: string | null
  readonly reportedCostKey: string | null

  readonly toolName: string | null
  readonly toolCallId: string | null
  /** OpenTelemetry's `gen_ai.tool.type`: `function`, `extension`, `datastore`. */
  readonly toolType: string | null

  /** `aforo.customer.id`, then the tenant's fallbacks; the same for product and session. */
  readonly customer: string | null
  readonly customerFallback: string | null
  readonly product: string | null
  readonly session: string | null
  readonly sessionFallback: string | null
  readonly agent: string | null
  readonly holdId: string | null

  readonly anomalies: readonly Anomaly[]
}

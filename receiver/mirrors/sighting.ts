import type { Assembly, ModelCall, ToolCall } from '../../core/assembly.ts'
import type { SpanId, TraceId } from '../../core/ids.ts'
import { EARLIEST_SPAN_NANO } from '../../core/time.ts'
import { NO_TOKENS, type Usage } from '../../core/usage.ts'
import { pairWords } from '../assemble/alike.ts'
import { isHighEntropy } from '../assemble/identity.ts'
import { compiledOf } from '../dialects/recognise.ts'

/** A model call or a tool's execution as one trace saw it, with what tells whether another trace saw the same one. */
export interface Sighting {
  readonly traceId: TraceId
  /** Of an execution what `standIn` makes of it. */
  readonly call: ModelCall
  /** Null for a model call. */
  readonly tool: ToolCall | null
  /** Ids that no two calls share: the request's, the response's, the execution's. */
  readonly keys: readonly string[]
  /** Instrumentations that told of it, sorted. */
  readonly scopes: readonly string[]
  readonly serviceName: string | null
  readonly serviceInstance: string | null
  /** Nothing is above it in its trace, or nothing but what its own instrumentation told. */
  readonly root: boolean
  /** Told by a gateway or a provider, who knows what it charges. */
  readonly serves: boolean
  /** A poll for the result of a call: it counts where nobody else tells usage. */
  readonly polled: boolean
  /** How much its trace knows of whose call it was; of several traces the one with the most has the call. */
  readonly standing: number
}

/** Longer ids are no provider's. */
const KEY_LENGTH_MAX = 256

/** What may be compared by place: see `placeUnits`. Null for polls, and where its times are not believed. */
export function placeOf({ call, tool, polled, serviceName, serviceInstance }: Sighting): string | null {
  if (polled || call.badTime || call.startNano < EARLIEST_SPAN_NANO) return null
  return JSON.stringify([tool === null ? call.kind : 'tool', serviceName, serviceInstance])
}

/**
 * Words of which two sightings with usage must have one in common to be of one call, with spaces between; null where there
 * is no usage. The first are its own tokens.
 */
export function tokensOf({ call: { metered, buckets } }: Sighting): string | null {
  return metered ? pairWords(buckets).join(' ') : null
}

/** Names a sighting among those of all traces. */
export function sightingName(traceId: TraceId, spanId: SpanId): string {
  return `${traceId}/${spanId}`
}

export function nameOf({ traceId, call }: Sighting): string {
  return sightingName(traceId, call.spanId)
}

/** The sightings of a trace; `usages` are the rows its assembly was made of. Totals of agents are none. */
export function sightingsOf(assembly: Assembly, usages: readonly Usage[]): readonly Sighting[] {
  const [first] = usages
  if (first === undefined || assembly.calls.length + assembly.tools.length === 0) return []
  const bySpan = Map.groupBy(usages, (usage) => usage.spanId)
  const standing = standingOf(assembly, usages)
  const sighting = (call: ModelCall, tool: ToolCall | null): Sighting => {
    const told = call.spanIds.flatMap((spanId) => bySpan.get(spanId) ?? [])
    const own = (bySpan.get(call.spanId) ?? told).reduce(lesser)
    const scopes = distinct(told.map((usage) => usage.scopeName))
    return {
      traceId: first.traceId,
      standing: standing * 2 + (own.parentSpanId === '' ? 0 : 1),
      call,
      tool,
      keys: tool === null ? keysOf(told) : keysOfTool(tool),
      scopes,
      serviceName: own.serviceName,
      serviceInstance: own.serviceInstance,
      root: isRoot(own, scopes, bySpan),
      polled: own.usageClass === 'fetch',
      serves: told.some(isServing),
    }
  }
  const calls = assembly.calls.filter((call) => call.granularity === 'call')
  return [
    ...calls.map((call) => sighting(call, null)),
    ...assembly.tools.map((tool) => sighting(standIn(tool, wordsOf(tool, assembly, bySpan)), tool)),
  ]
}

/** What is said of an execution beside itself. */
export interface ToolWords {
  /** Whether its name is the tool's, or only its span's. */
  readonly isNamed: boolean
  readonly badTime: boolean
}

/** A trace's bounds are those of the spans whose times are believed. */
function wordsOf(
  { spanId, name, startNano, endNano }: ToolCall,
  bounds: Pick<Assembly, 'startNano' | 'endNano'>,
  bySpan: ReadonlyMap<SpanId, readonly Usage[]>,
): ToolWords {
  return {
    isNamed: bySpan.get(spanId)?.some(({ toolName }) => toolName === name) ?? false,
    badTime: startNano < bounds.startNano || endNano > bounds.endNano,
  }
}

/**
 * An execution as a call without usage, so that both are compared and decided alike. Its model is the tool, null where no
 * span names one.
 */
export function standIn(
  { spanId, name, callId, startNano, endNano }: ToolCall,
  { isNamed, badTime }: ToolWords,
): ModelCall {
  const model = isNamed ? name : null
  const own = {
    spanId,
    spanIds: [spanId],
    model,
    requestModel: model,
    responseId: callId,
    startNano,
    endNano,
  }
  return { ...NO_CALL, ...own, badTime }
}

const NO_CALL = {
  kind: 'chat',
  granularity: 'call',
  provider: null,
  metered: false,
  buckets: NO_TOKENS,
  reasoningSteps: 0,
  quantities: {},
  serviceTier: null,
  region: null,
  reportedCost: null,
  estimated: false,
  cacheHit: false,
} as const satisfies Partial<ModelCall>

/** How many spans up it is looked for what is above a call. Deeper ones count as held by a trace. */
const STEPS_MAX = 64

/** Whether what is above a span leads to the top of the trace through spans of these scopes alone. */
function isRoot(
  own: Usage,
  scopes: readonly string[],
  bySpan: ReadonlyMap<SpanId, readonly Usage[]>,
): boolean {
  let above = own.parentSpanId
  for (let steps = 0; above !== '' && steps < STEPS_MAX; steps++) {
    const usage = bySpan.get(above)?.reduce(lesser)
    if (usage === undefined || !scopes.includes(usage.scopeName)) return false
    above = usage.parentSpanId
  }
  return above === ''
}

/** By start, then by name: an order that does not depend on what was found first. */
export function bySightingStart(a: Sighting, b: Sighting): number {
  if (a.call.startNano !== b.call.startNano) return a.call.startNano < b.call.startNano ? -1 : 1
  return nameOf(a) < nameOf(b) ? -1 : 1
}

/** A trace of the gateway alone knows least; then it counts whether customer, session and agent are known. */
function standingOf({ customer, session, agent }: Assembly, usages: readonly Usage[]): number {
  const telling = usages.filter((usage) => usage.usageClass !== 'other')
  const known = [customer, session, agent].filter((name) => name !== null).length
  return known + (telling.every(isServing) ? 0 : 4)
}

function isServing(usage: Usage): boolean {
  return usage.kind === 'server' || compiledOf(usage.dialect)?.dialect.serves === true
}

function keysOf(told: readonly Usage[]): readonly string[] {
  const keys: string[] = []
  for (const { requestId, responseId } of told) {
    if (isKey(requestId)) keys.push(`request/${requestId}`)
    if (isKey(responseId)) keys.push(`response/${responseId}`)
  }
  return distinct(keys)
}

function keysOfTool({ callId }: ToolCall): readonly string[] {
  return isKey(callId) ? [`tool/${callId}`] : []
}

/** An id that no two calls share, and short enough to be looked up. */
function isKey(id: string | null): id is string {
  return isHighEntropy(id) && id.length <= KEY_LENGTH_MAX && !/\s/.test(id)
}

function distinct(words: readonly string[]): readonly string[] {
  return [...new Set(words)].sort()
}

/** Of two tellings of a span, whichever came first. */
function lesser(a: Usage, b: Usage): Usage {
  const [left, right] = [a, b].map((usage) =>
    JSON.stringify([usage.serviceName, usage.serviceInstance, usage.parentSpanId]),
  )
  return left! <= right! ? a : b
}

import { type Assembly, isBilledElsewhere, type ModelCall, type ToolCall } from '../../core/assembly.ts'
import type { SpanId, TraceId } from '../../core/ids.ts'
import type { Anomaly } from '../../core/usage.ts'
import { compareAnomalies } from '../assemble/anomalies.ts'
import { equalTotals, together } from '../assemble/arithmetic.ts'
import { isStrictlyWithin } from '../assemble/identity.ts'
import type { CallGroup } from './groups.ts'
import type { Sighting } from './sighting.ts'

/**
 * What a trace amounts to once it is known which of its calls and tools other traces saw too. What another trace has is
 * taken out, and an anomaly `mirror` names that trace; what this trace has takes over what the others know of it.
 * @param groupOf by the call's span, or the tool's; those that are not in it stay as they are
 */
export function withMirrors(
  assembly: Assembly,
  traceId: TraceId,
  groupOf: ReadonlyMap<SpanId, CallGroup>,
): Assembly {
  const calls: ModelCall[] = []
  const anomalies: Anomaly[] = []
  const settled = new Set<SpanId>()
  let steps = assembly.reasoningSteps
  for (const call of assembly.calls) {
    const group = groupOf.get(call.spanId)
    if (group === undefined) {
      calls.push(call)
      continue
    }
    steps -= call.reasoningSteps
    if (isOwner(group, traceId, call.spanId)) {
      const merged = mergedCall(group)
      steps += merged.reasoningSteps
      calls.push(merged)
      if (merged.metered) settled.add(call.spanId)
    } else {
      anomalies.push({ kind: 'mirror', spanId: call.spanId, reason: group.owner.traceId })
      settled.add(call.spanId)
    }
  }
  const tools: ToolCall[] = []
  for (const tool of assembly.tools) {
    const group = groupOf.get(tool.spanId)
    if (group === undefined) tools.push(tool)
    else if (isOwner(group, traceId, tool.spanId)) tools.push(mergedTool(tool, group))
    else anomalies.push({ kind: 'mirror', spanId: tool.spanId, reason: group.owner.traceId })
  }
  if (isSame(calls, assembly.calls) && isSame(tools, assembly.tools)) return assembly
  const kept = assembly.anomalies.filter(
    ({ kind, spanId }) => !(SETTLED.has(kind) && settled.has(spanId)) || isStill(kind, spanId, calls),
  )
  const result = { ...assembly, calls, tools, reasoningSteps: steps, anomalies: [...kept, ...anomalies] }
  if (isBilledElsewhere(result))
    result.anomalies = result.anomalies.filter(({ kind }) => kind !== 'unattributed')
  result.anomalies.sort(compareAnomalies)
  return result
}

function isOwner({ owner }: CallGroup, traceId: TraceId, spanId: SpanId): boolean {
  return owner.traceId === traceId && owner.call.spanId === spanId
}

function isSame<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((each, i) => each === b[i])
}

/** The owner's execution, with the name, the id and the type that only others tell. */
function mergedTool(tool: ToolCall, { owner, sightings }: CallGroup): ToolCall {
  const first = (read: (sighting: Sighting) => string | null | undefined) =>
    sightings.reduce<string | null>((found, other) => found ?? read(other) ?? null, null)
  const name = owner.call.model ?? first(({ call }) => call.model) ?? tool.name
  const callId = tool.callId ?? first((other) => other.tool?.callId)
  const type = tool.type ?? first((other) => other.tool?.type)
  const isKnown = name === tool.name && callId === tool.callId && type === tool.type
  return isKnown ? tool : { ...tool, name, callId, type }
}

/** What is told of a call and is no longer true once another trace has it, or has told its usage. */
const SETTLED: ReadonlySet<string> = new Set(['unmetered', 'bad_time'])

/** A call that stays keeps its doubtful times. */
function isStill(kind: string, spanId: SpanId, calls: readonly ModelCall[]): boolean {
  return kind === 'bad_time' && calls.some((call) => call.spanId === spanId)
}

/** The owner's call with what the other observers add; the owner first, then by start and name. */
function mergedCall({ owner, sightings, replay }: CallGroup): ModelCall {
  const others = sightings.filter((sighting) => sighting !== owner).sort(byWord)
  let call = replay ? { ...owner.call, cacheHit: true } : owner.call
  // Where there are only polls the last one knows.
  const [last] = owner.polled ? [...sightings].sort(byWord) : []
  if (last?.call.metered) call = { ...call, metered: true, buckets: last.call.buckets }
  for (const other of others) call = merged(call, other)
  const reportedCost = chargedCost([owner, ...others])
  return reportedCost === call.reportedCost ? call : { ...call, reportedCost }
}

/** Polls come last, of these the last one first. The sort keeps the order of the others. */
function byWord(a: Sighting, b: Sighting): number {
  if (!a.polled || !b.polled) return Number(a.polled) - Number(b.polled)
  if (a.call.endNano === b.call.endNano) return 0
  return a.call.endNano > b.call.endNano ? -1 : 1
}

function merged(call: ModelCall, { call: other, polled }: Sighting): ModelCall {
  const { metered, buckets, estimated } = usageOf(call, other, polled)
  return {
    ...call,
    metered,
    buckets,
    estimated,
    provider: call.provider ?? other.provider,
    model: call.model ?? other.model,
    requestModel: call.requestModel ?? other.requestModel,
    serviceTier: call.serviceTier ?? other.serviceTier,
    region: call.region ?? other.region,
    reasoningSteps: Math.max(call.reasoningSteps, other.reasoningSteps),
    quantities: { ...other.quantities, ...call.quantities },
  }
}

/**
 * Of two observations that agree all that they know together counts. A poll with other totals gives way, as it may be that of
 * another call; of two instrumentations that disagree the inner one is nearer to the provider.
 */
function usageOf(
  call: ModelCall,
  other: ModelCall,
  polled: boolean,
): Pick<ModelCall, 'metered' | 'buckets' | 'estimated'> {
  if (!other.metered) return call
  if (!call.metered) return other
  if (polled && !equalTotals(call.buckets, other.buckets)) return call
  const buckets = together(call.buckets, other.buckets)
  if (buckets === null) return isStrictlyWithin(other, call) ? other : call
  const { estimated } = equalTotals(buckets, call.buckets) ? call : other
  return { metered: true, buckets, estimated }
}

/** A gateway or a provider knows what it charges; what a client works out comes after. */
function chargedCost(sightings: readonly Sighting[]): string | null {
  const told = sightings.filter(({ call }) => call.reportedCost !== null)
  return (told.find(({ serves }) => serves) ?? told[0])?.call.reportedCost ?? null
}

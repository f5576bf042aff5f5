import type { Assembly, ModelCall } from '../../core/assembly.ts'
import type { SpanId } from '../../core/ids.ts'
import { isPlausible, type UnixNano } from '../../core/time.ts'
import { NO_TOKENS, type TokenBuckets, type Usage } from '../../core/usage.ts'
import { byCallStart } from './assemble.ts'
import { uniqueSpans } from './unique.ts'

/** Usage that a person states of a span which tells none. */
export interface StatedUsage {
  readonly spanId: SpanId
  readonly buckets: TokenBuckets
}

/**
 * Fills in what was stated of calls without usage. What a span tells itself, now or later, comes before any word about
 * it. An agent whose own use could not be told from its lifetime total becomes a call of what was stated.
 */
export function withStatedUsage(
  assembly: Assembly,
  stated: readonly StatedUsage[],
  usages: readonly Usage[],
  context: { readonly now: UnixNano },
): Assembly {
  let result = assembly
  for (const { spanId, buckets } of stated) {
    const isOpen = result.anomalies.some(
      ({ kind, spanId: about }) => kind === 'unmetered' && about === spanId,
    )
    if (!isOpen) continue
    const known = result.calls.find((call) => call.spanId === spanId)
    const call = known ?? callOf(spanId, usages, context.now)
    if (call === undefined) continue
    const metered = { ...call, metered: true, buckets, reasoningSteps: stepsOf(call, buckets) }
    result = {
      ...result,
      calls: known
        ? result.calls.map((one) => (one === known ? metered : one))
        : [...result.calls, metered].sort(byCallStart),
      reasoningSteps: result.reasoningSteps - (known?.reasoningSteps ?? 0) + metered.reasoningSteps,
      anomalies: result.anomalies.filter((one) => one.kind !== 'unmetered' || one.spanId !== spanId),
    }
  }
  return result
}

function stepsOf({ reasoningSteps }: ModelCall, { outputReasoning }: TokenBuckets): number {
  return Math.max(reasoningSteps, outputReasoning > 0 ? 1 : 0)
}

/** The call that a span stands for which is none by itself. */
function callOf(spanId: SpanId, usages: readonly Usage[], now: UnixNano): ModelCall | undefined {
  const told = usages.filter((usage) => usage.spanId === spanId)
  const [usage] = uniqueSpans(told, [])
  if (usage === undefined) return undefined
  const { provider, requestModel, responseModel, responseId, startNano, endNano } = usage
  return {
    spanId,
    spanIds: [spanId],
    kind: usage.usageClass === 'embed' ? 'embedding' : 'chat',
    granularity: 'wrapper',
    provider,
    model: responseModel ?? requestModel,
    requestModel,
    responseId,
    startNano,
    endNano,
    metered: false,
    buckets: NO_TOKENS,
    reasoningSteps: 0,
    quantities: {},
    serviceTier: usage.serviceTier,
    region: usage.region,
    reportedCost: null,
    estimated: false,
    cacheHit: false,
    badTime: !isPlausible(startNano, now) || !isPlausible(endNano, now),
  }
}

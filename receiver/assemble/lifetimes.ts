import type { Anomaly, TokenBuckets, Usage } from '../../core/usage.ts'
import { allTokens, isNowhereNegative, minus } from './arithmetic.ts'
import { type Observed, observed } from './observation.ts'
import type { Tree } from './tree.ts'

/** A wrapper whose usage is everything its agent object ever used. `told`: metered calls lie beneath it. */
export interface Lifetime {
  readonly index: number
  readonly told: boolean
}

/**
 * Of an agent that nothing else tells of, only the growth from one invocation to the next is known; the first is
 * listed as unmetered.
 */
export function billLifetimes(
  tree: Tree,
  lifetimes: readonly Lifetime[],
  anomalies: Anomaly[],
): readonly Observed[] {
  const billed: Observed[] = []
  const before = new Map<string, TokenBuckets>()
  for (const { index, told } of [...lifetimes].sort((a, b) => a.index - b.index)) {
    const usage = tree.spans[index]!
    const key = agentKey(usage)
    const growth = before.has(key) ? minus(usage.buckets, before.get(key)!) : null
    before.set(key, usage.buckets)
    if (told) continue
    if (growth === null || !isNowhereNegative(growth)) {
      anomalies.push({ kind: 'unmetered', spanId: usage.spanId, reason: 'lifetime_unknown' })
    } else if (allTokens(growth) > 0) {
      billed.push({ ...observed(index, usage), buckets: growth, granularity: 'wrapper' })
    }
  }
  return billed
}

function agentKey(usage: Usage): string {
  const session = usage.session ?? usage.sessionFallback
  return JSON.stringify([usage.agent, session, usage.serviceName, usage.serviceInstance])
}

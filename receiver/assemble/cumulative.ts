import type { Anomaly, TokenBuckets, Usage } from '../../core/usage.ts'
import { inputTokens, outputTokens } from '../../core/usage.ts'
import { compiledOf } from '../dialects/recognise.ts'
import { isNowhereNegative, minus } from './arithmetic.ts'
import type { Observed } from './observation.ts'
import { TRAIT } from './traits.ts'
import type { Tree } from './tree.ts'

/**
 * Undoes instrumentations that tell with every call of a loop what all its calls so far have used. Where the dialect is
 * certain of its version, each call keeps its growth; where it is not, the likeness is told and the numbers stand.
 */
export function differenceSiblings(
  tree: Tree,
  calls: readonly Observed[],
  anomalies: Anomaly[],
): readonly Observed[] {
  for (const siblings of suspects(tree, calls).values()) {
    siblings.sort((a, b) => a.winner - b.winner)
    for (let at = 0; at < siblings.length; ) {
      const loop = loopFrom(tree, siblings, at)
      at += loop.length
      if (loop.length === 1) continue
      if (isCertain(tree, loop[0]!)) difference(loop)
      else {
        const { spanId } = tree.spans[loop[0]!.winner]!
        anomalies.push({ kind: 'usage_ambiguous', spanId, reason: 'maybe_cumulative' })
      }
    }
  }
  return calls
}

/** Metered calls of dialects that may add up, by what they lie under and which model they are of. */
function suspects(tree: Tree, calls: readonly Observed[]): ReadonlyMap<string, Observed[]> {
  const groups = new Map<string, Observed[]>()
  for (const call of calls) {
    if (!call.metered || (tree.traits[call.winner]! & TRAIT.cumulative) === 0) continue
    const usage = tree.spans[call.winner]!
    const model = usage.requestModel ?? usage.responseModel ?? ''
    const key = `${tree.parent[call.winner]!}/${usage.dialect}/${model}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [call])
    else group.push(call)
  }
  return groups
}

/**
 * The calls from `at` on that look like one loop: one after the other, no bucket ever smaller, and each request as long
 * as the one before at least, as it repeats it.
 */
function loopFrom(tree: Tree, siblings: readonly Observed[], at: number): readonly Observed[] {
  const loop = [siblings[at]!]
  let grown = siblings[at]!.buckets
  for (let after = at + 1; after < siblings.length; after++) {
    const next = siblings[after]!
    const last = loop.at(-1)!
    const growth = minus(next.buckets, last.buckets)
    if (tree.spans[next.winner]!.startNano < tree.spans[last.winner]!.endNano) break
    if (!isNowhereNegative(growth) || !isLonger(growth, grown)) break
    loop.push(next)
    grown = growth
  }
  return loop
}

function isLonger(growth: TokenBuckets, before: TokenBuckets): boolean {
  return inputTokens(growth) >= inputTokens(before) && outputTokens(growth) > 0
}

/** A version known to add up, within a wrapper of the same dialect: only there are siblings one loop. */
function isCertain(tree: Tree, call: Observed): boolean {
  const usage = tree.spans[call.winner]!
  const above = tree.parent[call.winner]!
  return (
    above !== -1 &&
    isWrapperOf(tree.spans[above]!, usage.dialect) &&
    compiledOf(usage.dialect)?.isCumulative(usage.scopeVersion) === true
  )
}

function isWrapperOf(usage: Usage, dialect: string): boolean {
  return usage.usageClass === 'wrapper' && usage.dialect === dialect
}

function difference(loop: readonly Observed[]): void {
  for (let at = loop.length - 1; at > 0; at--) {
    loop[at]!.buckets = minus(loop[at]!.buckets, loop[at - 1]!.buckets)
  }
}

import type { Anomaly, Usage } from '../../core/usage.ts'
import { agree, equalTotals } from './arithmetic.ts'
import { mergeBeside } from './beside.ts'
import { tellDoubts } from './doubts.ts'
import { isHighEntropy, isOneProcess, isWithin, overlap } from './identity.ts'
import { merge } from './merge.ts'
import type { Observed } from './observation.ts'
import { NEIGHBOURS_MAX } from './pairing.ts'
import { SplitMap } from './split-map.ts'
import { TRAIT } from './traits.ts'
import type { Tree } from './tree.ts'

/**
 * Merges observations of one call that are not above one another: two instrumentations side by side, or a gateway's
 * view. Equal tokens alone never merge: either a response id no two calls share, or one observation within the other's
 * time in one process, of one model, by another scope.
 */
export function mergeMirrors(
  tree: Tree,
  calls: readonly Observed[],
  anomalies: Anomaly[],
): readonly Observed[] {
  const usageOf = (call: Observed): Usage => tree.spans[call.winner]!
  const same = (a: Observed, b: Observed): boolean => sameById(usageOf(a), usageOf(b), a, b)
  const ordered = [...calls].sort((a, b) => a.winner - b.winner)
  const byRequest = mergeById(tree, ordered, requestIdOf, same, anomalies)
  const byResponse = mergeById(tree, byRequest.kept, responseIdOf, same, anomalies)
  markReplays(tree, byResponse.apart)
  const runs = mergeRuns(tree, byResponse.kept, anomalies)
  // One scope sees a call once: then none can be a mirror by its place.
  if (tree.isOneScope) return runs
  const merged = mergeBeside(tree, runs, anomalies)
  tellDoubts(tree, merged, anomalies)
  return merged
}

interface MergedById {
  readonly kept: readonly Observed[]
  /** By the first of them: calls that stay apart though they have one id. */
  readonly apart: ReadonlyMap<Observed, readonly Observed[]>
}

/** Of the calls with one id, merges each into the first of its earlier neighbours that `same` accepts. */
function mergeById(
  tree: Tree,
  calls: readonly Observed[],
  idOf: (tree: Tree, call: Observed) => string | null,
  same: (a: Observed, b: Observed) => boolean,
  anomalies: Anomaly[],
): MergedById {
  const kept: Observed[] = []
  const firsts = new SplitMap<Observed>(calls.length)
  const apart = new Map<Observed, Observed[]>()
  for (const call of calls) {
    const id = idOf(tree, call)
    const first = id === null ? undefined : firsts.get(id)
    if (first === undefined) {
      if (id !== null) firsts.set(id, call)
      kept.push(call)
      continue
    }
    // Most ids are of one call: only where several stay apart they are listed.
    const group = apart.get(first) ?? [first]
    const partner = neighbourOf(group, (other) => same(other, call))
    if (partner !== undefined) {
      if (!merge(tree, partner, call)) {
        const { spanId } = tree.spans[partner.winner]!
        anomalies.push({ kind: 'usage_ambiguous', spanId, reason: 'layer_disagree' })
      }
      continue
    }
    kept.push(call)
    group.push(call)
    apart.set(first, group)
  }
  return { kept, apart }
}

/** The first of the latest few that is accepted. */
function neighbourOf(
  group: readonly Observed[],
  accepts: (other: Observed) => boolean,
): Observed | undefined {
  for (let at = Math.max(0, group.length - NEIGHBOURS_MAX); at < group.length; at++) {
    const other = group[at]!
    if (accepts(other)) return other
  }
  return undefined
}

function requestIdOf(tree: Tree, call: Observed): string | null {
  for (const index of call.observers) {
    if ((tree.traits[index]! & TRAIT.requestId) === 0) continue
    const { requestId } = tree.spans[index]!
    if (isHighEntropy(requestId)) return requestId
  }
  return null
}

function responseIdOf(tree: Tree, call: Observed): string | null {
  for (const index of call.observers) {
    if ((tree.traits[index]! & TRAIT.responseId) === 0) continue
    const { responseId } = tree.spans[index]!
    if (isHighEntropy(responseId)) return responseId
  }
  return null
}

/**
 * A provider gives a response id once. The same id with the same tokens at another time is the same answer again: out
 * of a gateway's cache, or told anew by a run that was resumed.
 */
function markReplays(tree: Tree, apart: ReadonlyMap<Observed, readonly Observed[]>): void {
  for (const calls of apart.values()) {
    const first = calls.find((call) => call.metered)
    if (first === undefined) continue
    for (const call of calls) {
      if (call === first || !call.metered || !agree(call.buckets, first.buckets)) continue
      if (follows(tree.spans[call.winner]!, tree.spans[first.winner]!)) call.cacheHit = true
    }
  }
}

/** One emitter's clock needs no slack. */
function follows(later: Usage, earlier: Usage): boolean {
  return isOneEmitter(later, earlier) ? later.startNano >= earlier.endNano : !overlap(later, earlier)
}

function isOneEmitter(a: Usage, b: Usage): boolean {
  return a.scopeName === b.scopeName && isOneProcess(a, b)
}

function sameById(a: Usage, b: Usage, callA: Observed, callB: Observed): boolean {
  const alike = !callA.metered || !callB.metered || agree(callA.buckets, callB.buckets)
  if (!alike) return isSeenInside(a, b)
  if (a.scopeName === b.scopeName && a.serviceName === b.serviceName) {
    // One emitter told of both: the same only where nothing tells them apart.
    return callA.metered && callB.metered && a.startNano === b.startNano && a.endNano === b.endNano
  }
  return overlap(a, b)
}

/**
 * Of one answer, seen at one time in one process by two instrumentations, one has counted wrongly: there was one call. From
 * elsewhere the same id with other tokens is another call.
 */
function isSeenInside(a: Usage, b: Usage): boolean {
  return (
    a.scopeName !== b.scopeName &&
    a.usageClass === b.usageClass &&
    isOneProcess(a, b) &&
    (isWithin(a, b) || isWithin(b, a))
  )
}

/** A run's usage belongs to the run: told by one of its calls it covers the others, told alike by several it counts once. */
function mergeRuns(tree: Tree, calls: readonly Observed[], anomalies: Anomaly[]): readonly Observed[] {
  const runs = new Map<string, Observed[]>()
  for (const call of calls) {
    if ((tree.traits[call.winner]! & TRAIT.run) === 0) continue
    const responseId = tree.spans[call.winner]!.responseId!
    const run = runs.get(responseId)
    if (run === undefined) runs.set(responseId, [call])
    else run.push(call)
  }
  const merged = new Set<Observed>()
  for (const run of runs.values()) {
    const metered = run.filter((call) => call.metered)
    const [first] = metered
    if (first === undefined || run.length === 1) continue
    if (metered.every((call) => equalTotals(call.buckets, first.buckets))) {
      for (const call of run) {
        if (call === first) continue
        merge(tree, first, call)
        merged.add(call)
      }
    } else {
      anomalies.push({
        kind: 'usage_ambiguous',
        spanId: tree.spans[first.winner]!.spanId,
        reason: 'run_usage_ambiguous',
      })
    }
  }
  return merged.size === 0 ? calls : calls.filter((call) => !merged.has(call))
}

import { type Anomaly, inputTokens, outputTokens, type Usage } from '../../core/usage.ts'
import { equalTotals } from './arithmetic.ts'
import {
  areDistinctIds,
  isHighEntropy,
  isOneProcess,
  isRunId,
  isWithin,
  modelsAgree,
  overlap,
} from './identity.ts'
import { append, type Observed, takeOver } from './observation.ts'
import { isOnePath, type Tree } from './tree.ts'

/** How many neighbours in time a call is compared with. Beyond it a mirror is not found, and both calls stand. */
export const NEIGHBOURS_MAX = 64

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
  const inOrder = [...calls].sort((a, b) => a.winner - b.winner)
  let byId: readonly Observed[] = inOrder
  for (const idOf of [requestIdOf, responseIdOf]) {
    byId = mergeGroups(
      tree,
      byId,
      (call) => idOf(tree, call),
      (a, b) => sameById(usageOf(a), usageOf(b), a, b),
    )
  }
  markReplays(tree, byId)
  const runs = mergeRuns(tree, byId, anomalies)
  const metered = mergeGroups(
    tree,
    runs,
    (call) => (call.metered ? `${inputTokens(call.buckets)}/${outputTokens(call.buckets)}` : null),
    (a, b) => areBeside(tree, a, b) && sameByPlace(usageOf(a), usageOf(b)),
  )
  return mergeGroups(
    tree,
    metered,
    () => 'any',
    (a, b) => a.metered !== b.metered && areBeside(tree, a, b) && sameByPlace(usageOf(a), usageOf(b)),
  )
}

/** Within each group merges a call into the first of its earlier neighbours that `same` accepts. */
function mergeGroups(
  tree: Tree,
  calls: readonly Observed[],
  keyOf: (call: Observed) => string | null,
  same: (a: Observed, b: Observed) => boolean,
): readonly Observed[] {
  const kept: Observed[] = []
  const groups = new Map<string, Observed[]>()
  for (const call of calls) {
    const key = keyOf(call)
    const group = key === null ? undefined : groups.get(key)
    const partner = group?.slice(-NEIGHBOURS_MAX).find((other) => same(other, call))
    if (partner !== undefined) {
      merge(tree, partner, call)
      continue
    }
    kept.push(call)
    if (key === null) continue
    if (group === undefined) groups.set(key, [call])
    else group.push(call)
  }
  return kept
}

/** The inner of two metered observations is nearer to the provider and identifies the call. */
function merge(tree: Tree, into: Observed, other: Observed): void {
  const usage = tree.spans[into.winner]!
  const inner = tree.spans[other.winner]!
  const nearer = !isWithin(usage, inner) && isWithin(inner, usage) && isOneProcess(inner, usage)
  if (other.metered && (!into.metered || nearer)) into.winner = other.winner
  if (other.metered) takeOver(into, other.buckets)
  append(into.observers, other.observers)
  append(into.places, other.places)
}

function requestIdOf(tree: Tree, call: Observed): string | null {
  for (const index of call.observers) {
    const { requestId } = tree.spans[index]!
    if (isHighEntropy(requestId)) return requestId
  }
  return null
}

function responseIdOf(tree: Tree, call: Observed): string | null {
  for (const index of call.observers) {
    const { responseId } = tree.spans[index]!
    if (isHighEntropy(responseId)) return responseId
  }
  return null
}

/**
 * A provider gives a response id once. The same id with the same tokens at another time is the same answer again: out
 * of a gateway's cache, or told anew by a run that was resumed.
 */
function markReplays(tree: Tree, calls: readonly Observed[]): void {
  const first = new Map<string, Observed>()
  for (const call of calls) {
    const id = call.metered ? responseIdOf(tree, call) : null
    if (id === null) continue
    const earlier = first.get(id)
    if (earlier === undefined) first.set(id, call)
    else if (
      equalTotals(earlier.buckets, call.buckets) &&
      follows(tree.spans[call.winner]!, tree.spans[earlier.winner]!)
    ) {
      call.cacheHit = true
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
  const equal = !callA.metered || !callB.metered || equalTotals(callA.buckets, callB.buckets)
  if (!equal) return false
  if (a.scopeName === b.scopeName && a.serviceName === b.serviceName) {
    // One emitter told of both: the same only where nothing tells them apart.
    return callA.metered && callB.metered && a.startNano === b.startNano && a.endNano === b.endNano
  }
  return overlap(a, b)
}

/**
 * Calls above one another have been told apart as layers already. And a scope sees a call once: of two equal calls seen
 * by two scopes, each is merged with one.
 */
function areBeside(tree: Tree, a: Observed, b: Observed): boolean {
  if (isOnePath(tree, a.winner, b.winner)) return false
  const scopes = a.places.map((index) => tree.spans[index]!.scopeName)
  return b.places.every((index) => !scopes.includes(tree.spans[index]!.scopeName))
}

function sameByPlace(a: Usage, b: Usage): boolean {
  if (a.scopeName === b.scopeName || !isOneProcess(a, b) || a.usageClass !== b.usageClass) return false
  if (areDistinctIds(a.responseId, b.responseId) || areBothNamed(a, b)) return false
  return (isWithin(a, b) || isWithin(b, a)) && modelsAgree(a, b)
}

/** Two ids that differ are two calls, strong or not. */
function areBothNamed(a: Usage, b: Usage): boolean {
  return a.responseId !== null && b.responseId !== null && a.responseId !== b.responseId
}

/** A run's usage belongs to the run: told by one of its calls it covers the others, told alike by several it counts once. */
function mergeRuns(tree: Tree, calls: readonly Observed[], anomalies: Anomaly[]): readonly Observed[] {
  const runs = new Map<string, Observed[]>()
  for (const call of calls) {
    const { responseId } = tree.spans[call.winner]!
    if (!isRunId(responseId)) continue
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

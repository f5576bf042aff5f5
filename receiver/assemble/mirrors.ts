import { type Anomaly, inputTokens, outputTokens, type Usage } from '../../core/usage.ts'
import { equalTotals } from './arithmetic.ts'
import {
  apart,
  areDistinctIds,
  isHighEntropy,
  isInside,
  isOneProcess,
  isSeenTogether,
  isWithin,
  modelsAgree,
  overlap,
} from './identity.ts'
import { append, type Observed, takeOver } from './observation.ts'
import { NEIGHBOURS_MAX, partnersOf } from './pairing.ts'
import { SplitMap } from './split-map.ts'
import { TRAIT } from './traits.ts'
import { isOnePath, type Tree } from './tree.ts'

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
  return mergePlaces(tree, runs)
}

/** How many sets of scopes are compared with one another. Nobody is instrumented more often; beyond it calls stay apart. */
export const SCOPES_MAX = 16

/**
 * Merges equal calls that two scopes saw in one process, then those without usage into what they are of, or with one
 * another. As many are merged as can be, so how many calls there are does not depend on which of two equals is merged with
 * which.
 */
function mergePlaces(tree: Tree, calls: readonly Observed[]): readonly Observed[] {
  const metered = calls.filter((call) => call.metered)
  const gone = new Set<Observed>()
  for (const alike of Map.groupBy(metered, tokensOf).values()) {
    let known: readonly Observed[] = []
    for (const seen of byScopes(tree, alike)) {
      known = inOrder([...known, ...joined(tree, known, seen, gone)])
    }
  }
  if (metered.length === calls.length) return calls.filter((call) => !gone.has(call))
  const known = inOrder(metered.filter((call) => !gone.has(call)))
  const silent = calls.filter((call) => !call.metered)
  let alone: readonly Observed[] = []
  for (const seen of byScopes(tree, silent)) {
    const left = joined(tree, known, seen, gone)
    alone = inOrder([...alone, ...joined(tree, alone, left, gone)])
  }
  return calls.filter((call) => !gone.has(call))
}

/** Merges what was seen into what is known, and returns what is of no known call. Those given share their scopes. */
function joined(
  tree: Tree,
  known: readonly Observed[],
  seen: readonly Observed[],
  gone: Set<Observed>,
): readonly Observed[] {
  if (known.length === 0) return seen
  const usageOf = ({ winner }: Observed): Usage => tree.spans[winner]!
  const partners = partnersOf(known, seen, {
    startOf: (call) => usageOf(call).startNano,
    seenAt: (call) => usageOf(call).startNano,
    isSame: (a, b) => areBeside(tree, a, b) && sameByPlace(usageOf(a), usageOf(b)),
    distance: (a, b) => apart(usageOf(a), usageOf(b)),
  })
  return seen.filter((call, i) => {
    const partner = known[partners[i]!]
    if (partner === undefined) return true
    merge(tree, partner, call)
    gone.add(call)
    return false
  })
}

function tokensOf({ buckets }: Observed): string {
  return `${inputTokens(buckets)}/${outputTokens(buckets)}`
}

/** Calls by the scopes that saw them, in a fixed order of the scopes. */
function byScopes(tree: Tree, calls: readonly Observed[]): readonly (readonly Observed[])[] {
  if (calls.length === 1) return [calls]
  const groups = Map.groupBy(calls, ({ places }) =>
    JSON.stringify([...new Set(places.map((index) => tree.spans[index]!.scopeName))].sort()),
  )
  const names = [...groups.keys()].sort().slice(0, SCOPES_MAX)
  return names.map((name) => groups.get(name)!)
}

/** Spans are in the order of their start. */
function inOrder(calls: readonly Observed[]): readonly Observed[] {
  return calls.toSorted((a, b) => a.winner - b.winner)
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

/**
 * The inner of two metered observations is nearer to the provider and identifies the call; where the two disagree its numbers
 * count. False where they do.
 */
function merge(tree: Tree, into: Observed, other: Observed): boolean {
  const usage = tree.spans[into.winner]!
  const inner = tree.spans[other.winner]!
  const nearer = !isWithin(usage, inner) && isWithin(inner, usage) && isOneProcess(inner, usage)
  append(into.observers, other.observers)
  append(into.places, other.places)
  const isFirst = !into.metered
  const agrees = !other.metered || takeOver(into, other.buckets)
  const counts = other.metered && (isFirst || nearer || (!agrees && isInside(inner, usage)))
  if (counts) into.winner = other.winner
  if (counts && !agrees) into.buckets = other.buckets
  return agrees
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
      if (call === first || !call.metered || !equalTotals(call.buckets, first.buckets)) continue
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
  const equal = !callA.metered || !callB.metered || equalTotals(callA.buckets, callB.buckets)
  if (!equal) return isSeenInside(a, b)
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
  return isSeenTogether(a, b) && modelsAgree(a, b)
}

/** Two ids that differ are two calls, strong or not. */
function areBothNamed(a: Usage, b: Usage): boolean {
  return a.responseId !== null && b.responseId !== null && a.responseId !== b.responseId
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

import type { Anomaly, Usage } from '../../core/usage.ts'
import { alikeGroups } from './alike.ts'
import { agree, isEqual } from './arithmetic.ts'
import { apart, areDistinctIds, isOneProcess, isSeenTogether, modelsAgree } from './identity.ts'
import { merge } from './merge.ts'
import type { Observed } from './observation.ts'
import { type Likeness, partnersOf } from './pairing.ts'
import { readSights, type Sights } from './sights.ts'
import { isOnePath, type Tree } from './tree.ts'

/** How many sets of scopes are compared with one another. Nobody is instrumented more often; beyond it calls stay apart. */
export const SCOPES_MAX = 16

/**
 * Merges calls that two scopes saw in one process, where they tell the same tokens or one could not see all of them; then
 * those without usage into what they are of, or with one another. As many are merged as can be, so how many calls there
 * are does not depend on which of two equals is merged with which.
 */
export function mergeBeside(
  tree: Tree,
  calls: readonly Observed[],
  anomalies: Anomaly[],
): readonly Observed[] {
  const metered = calls.filter((call) => call.metered)
  const gone = new Set<Observed>()
  const merging: Merging = { tree, sights: readSights(tree), gone, anomalies }
  for (const alike of alikeGroups(metered.map(({ buckets }) => buckets))) {
    const seenBy = byScopes(
      tree,
      alike.map((at) => metered[at]!),
    )
    if (seenBy.length === 1) continue
    let known: readonly Observed[] = []
    for (const seen of seenBy) known = inOrder([...known, ...joined(merging, known, seen)])
  }
  if (metered.length === calls.length) return calls.filter((call) => !gone.has(call))
  const known = inOrder(metered.filter((call) => !gone.has(call)))
  const silent = calls.filter((call) => !call.metered)
  let alone: readonly Observed[] = []
  for (const seen of byScopes(tree, silent)) {
    const left = joined(merging, known, seen)
    alone = inOrder([...alone, ...joined(merging, alone, left)])
  }
  return calls.filter((call) => !gone.has(call))
}

interface Merging {
  readonly tree: Tree
  readonly sights: Sights
  /** Calls that were merged into others. */
  readonly gone: Set<Observed>
  readonly anomalies: Anomaly[]
}

/** Merges what was seen into what is known, and returns what is of no known call. Those given share their scopes. */
function joined(
  { tree, sights, gone, anomalies }: Merging,
  known: readonly Observed[],
  seen: readonly Observed[],
): readonly Observed[] {
  if (known.length === 0) return seen
  const usageOf = ({ winner }: Observed): Usage => tree.spans[winner]!
  const partners = partnersOf(known, seen, {
    startOf: (call) => usageOf(call).startNano,
    seenAt: (call) => usageOf(call).startNano,
    likeness: (a, b) => likenessOf(tree, sights, a, b),
    distance: (a, b) => apart(usageOf(a), usageOf(b)),
  })
  return seen.filter((call, i) => {
    const partner = known[partners[i]!]
    if (partner === undefined) return true
    if (likenessOf(tree, sights, partner, call) === 1) anomalies.push(maybeMirror(tree, call))
    merge(tree, partner, call)
    gone.add(call)
    return false
  })
}

/**
 *  3  they tell the same                              2  one tells what the other cannot see
 *  1  one tells what the other might have seen
 */
function likenessOf(tree: Tree, sights: Sights, a: Observed, b: Observed): Likeness {
  const isBeside = areBeside(tree, a, b) && sameByPlace(tree.spans[a.winner]!, tree.spans[b.winner]!)
  if (!isBeside) return 0
  if (!a.metered || !b.metered || isEqual(a.buckets, b.buckets)) return 3
  if (!agree(a.buckets, b.buckets)) return 0
  return sights.differBySight(a, b) ? 2 : 1
}

/** Tells that it could not be told for sure whether a call is another's mirror. */
export function maybeMirror(tree: Tree, { winner }: Observed): Anomaly {
  return { kind: 'usage_ambiguous', spanId: tree.spans[winner]!.spanId, reason: 'maybe_mirror' }
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

/**
 * Calls above one another have been told apart as layers already. And a scope sees a call once: of two equal calls seen
 * by two scopes, each is merged with one.
 */
export function areBeside(tree: Tree, a: Observed, b: Observed): boolean {
  if (isOnePath(tree, a.winner, b.winner)) return false
  const scopes = a.places.map((index) => tree.spans[index]!.scopeName)
  return b.places.every((index) => !scopes.includes(tree.spans[index]!.scopeName))
}

export function sameByPlace(a: Usage, b: Usage): boolean {
  if (a.scopeName === b.scopeName || !isOneProcess(a, b) || a.usageClass !== b.usageClass) return false
  if (areDistinctIds(a.responseId, b.responseId) || areBothNamed(a, b)) return false
  return isSeenTogether(a, b) && modelsAgree(a, b)
}

/** Two ids that differ are two calls, strong or not. */
function areBothNamed(a: Usage, b: Usage): boolean {
  return a.responseId !== null && b.responseId !== null && a.responseId !== b.responseId
}

import type { Anomaly, Usage } from '../../core/usage.ts'
import { alikeGroups } from './alike.ts'
import { agree, isEqual } from './arithmetic.ts'
import {
  areDistinctIds,
  isOneProcess,
  isSeenTogether,
  isSeenTogetherOrLate,
  modelsAgree,
} from './identity.ts'
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
  const merging: Merging = { tree, sights: readSights(tree), anomalies }
  const { members, ends } = alikeGroups(metered.map(({ buckets }) => buckets))
  let from = 0
  for (const end of ends) {
    if (end - from === 2) mergeTwo(merging, metered[members[from]!]!, metered[members[from + 1]!]!)
    else
      mergeAll(
        merging,
        Array.from(members.subarray(from, end), (at) => metered[at]!),
      )
    from = end
  }
  if (metered.length < calls.length) mergeSilent(merging, calls)
  return ends.length === 0 && metered.length === calls.length ? calls : calls.filter((call) => !call.merged)
}

interface Merging {
  readonly tree: Tree
  readonly sights: Sights
  readonly anomalies: Anomaly[]
}

/** What `mergeAll` does of two: most groups are pairs, and in a large trace what it makes of each is much. */
function mergeTwo(merging: Merging, a: Observed, b: Observed): void {
  const { tree } = merging
  const likeness = likenessOf(merging, a, b)
  if (likeness === 0) return
  if (scopesOf(tree, b) < scopesOf(tree, a)) mergeInto(merging, b, a, likeness)
  else mergeInto(merging, a, b, likeness)
}

function mergeAll(merging: Merging, alike: readonly Observed[]): void {
  const { sights } = merging
  const seenBy = [...byScopes(merging.tree, alike)]
  if (seenBy.length === 1) return
  // What two scopes that each miss something make of calls alike could be of neither: who sees the most comes first.
  if (seenBy.length > 2) seenBy.sort(([a], [b]) => sights.sortsSeenBy(b!) - sights.sortsSeenBy(a!))
  let known: readonly Observed[] = []
  for (const seen of seenBy) known = inOrder([...known, ...joined(merging, known, seen)])
}

function mergeSilent(merging: Merging, calls: readonly Observed[]): void {
  const known = inOrder(calls.filter((call) => call.metered && !call.merged))
  const silent = calls.filter((call) => !call.metered)
  let alone: readonly Observed[] = []
  for (const seen of byScopes(merging.tree, silent)) {
    const left = joined(merging, known, seen)
    alone = inOrder([...alone, ...joined(merging, alone, left)])
  }
}

/** Merges what was seen into what is known, and returns what is of no known call. Those given share their scopes. */
function joined(
  merging: Merging,
  known: readonly Observed[],
  seen: readonly Observed[],
): readonly Observed[] {
  if (known.length === 0) return seen
  const usageOf = ({ winner }: Observed): Usage => merging.tree.spans[winner]!
  const partners = partnersOf(known, seen, {
    knownAt: usageOf,
    seenAt: usageOf,
    likeness: (a, b) => likenessOf(merging, a, b),
  })
  return seen.filter((call, i) => {
    const partner = known[partners[i]!]
    if (partner === undefined) return true
    mergeInto(merging, partner, call, likenessOf(merging, partner, call))
    return false
  })
}

function mergeInto({ tree, anomalies }: Merging, into: Observed, call: Observed, likeness: Likeness): void {
  if (likeness === 1) anomalies.push(maybeMirror(tree, call))
  merge(tree, into, call)
}

/**
 *  3  they tell the same                              2  one tells what the other cannot see
 *  1  one tells what the other might have seen
 */
function likenessOf({ tree, sights }: Merging, a: Observed, b: Observed): Likeness {
  const [spanA, spanB] = [tree.spans[a.winner]!, tree.spans[b.winner]!]
  if (!areBeside(tree, a, b) || !mayBeSame(spanA, spanB)) return 0
  if (!a.metered || !b.metered) return isSeenTogether(spanA, spanB) ? 3 : 0
  if (isEqual(a.buckets, b.buckets)) return isSeenTogetherOrLate(spanA, spanB) ? 3 : 0
  if (!isSeenTogether(spanA, spanB)) return 0
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
  const groups = Map.groupBy(calls, (call) => scopesOf(tree, call))
  if (groups.size === 1) return [calls]
  const names = [...groups.keys()].sort().slice(0, SCOPES_MAX)
  return names.map((name) => groups.get(name)!)
}

/** Names the scopes of a call: one by itself, which most have, several as a list. */
function scopesOf(tree: Tree, { places }: Observed): string {
  if (places.length === 1) return tree.spans[places[0]!]!.scopeName
  return JSON.stringify([...new Set(places.map((index) => tree.spans[index]!.scopeName))].sort())
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
  if (a.places.length === 1 && b.places.length === 1)
    return tree.spans[a.places[0]!]!.scopeName !== tree.spans[b.places[0]!]!.scopeName
  const scopes = a.places.map((index) => tree.spans[index]!.scopeName)
  return b.places.every((index) => !scopes.includes(tree.spans[index]!.scopeName))
}

export function sameByPlace(a: Usage, b: Usage): boolean {
  return mayBeSame(a, b) && isSeenTogether(a, b)
}

/** Whether all but their times speaks for one call. */
function mayBeSame(a: Usage, b: Usage): boolean {
  if (a.scopeName === b.scopeName || !isOneProcess(a, b) || a.usageClass !== b.usageClass) return false
  if (areDistinctIds(a.responseId, b.responseId) || areBothNamed(a, b)) return false
  return modelsAgree(a, b)
}

/** Two ids that differ are two calls, strong or not. */
function areBothNamed(a: Usage, b: Usage): boolean {
  return a.responseId !== null && b.responseId !== null && a.responseId !== b.responseId
}

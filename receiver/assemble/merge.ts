import { isOneProcess, isStrictlyWithin, isWithin } from './identity.ts'
import { joined, type Observed, takeOver } from './observation.ts'
import type { Tree } from './tree.ts'

/**
 * The inner of two metered observations is nearer to the provider and identifies the call; where the two disagree its numbers
 * count. False where they do.
 */
export function merge(tree: Tree, into: Observed, other: Observed): boolean {
  const usage = tree.spans[into.winner]!
  const inner = tree.spans[other.winner]!
  const nearer = !isWithin(usage, inner) && isWithin(inner, usage) && isOneProcess(inner, usage)
  other.merged = true
  into.observers = joined(into.observers, other.observers)
  into.places = joined(into.places, other.places)
  const isFirst = !into.metered
  const agrees = !other.metered || takeOver(into, other.buckets)
  const counts = other.metered && (isFirst || nearer || (!agrees && isStrictlyWithin(inner, usage)))
  if (counts) into.winner = other.winner
  if (counts && !agrees) into.buckets = other.buckets
  return agrees
}

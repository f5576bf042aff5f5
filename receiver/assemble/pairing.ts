import type { UnixNano } from '../../core/time.ts'
import { matchMost } from './matching.ts'

/** How many observations before and after it one is compared with. Beyond it they stay apart. */
export const NEIGHBOURS_MAX = 64

/** How sure it is that two observations are of one call: not at all, or the more the higher. Who compares them says why. */
export type Likeness = 0 | 1 | 2 | 3

const LESS_SURE: readonly Likeness[] = [2, 1]

/** How what was seen is compared with what is known. */
export interface Pairing<Known, Seen> {
  readonly startOf: (known: Known) => UnixNano
  readonly seenAt: (seen: Seen) => UnixNano
  readonly likeness: (known: Known, seen: Seen) => Likeness
  /** Of several that are alike the nearest is taken, where that leaves no other without one. */
  readonly distance: (known: Known, seen: Seen) => UnixNano
}

interface Wish {
  readonly index: number
  readonly likeness: Likeness
  readonly distance: UnixNano
}

/**
 * Finds for as many of the seen as can be one of the known that is the same, each of its own, and of these as many as can be
 * that are surely the same.
 * @param known in the order of their start
 * @returns of each of the seen the index of its partner, or -1
 */
export function partnersOf<Known, Seen>(
  known: readonly Known[],
  seen: readonly Seen[],
  { startOf, seenAt, likeness, distance }: Pairing<Known, Seen>,
): readonly number[] {
  const starts = known.map(startOf)
  let least: Likeness = 3
  const wishes = seen.map((each) => {
    const at = firstFrom(starts, seenAt(each))
    const from = Math.max(0, at - NEIGHBOURS_MAX)
    const near: Wish[] = []
    for (let index = from; index < Math.min(known.length, at + NEIGHBOURS_MAX); index++) {
      const other = known[index]!
      const alike = likeness(other, each)
      if (alike === 0) continue
      if (alike < least) least = alike
      near.push({ index, likeness: alike, distance: distance(other, each) })
    }
    return near.sort(bySureness)
  })
  const partners = matchMost(wishes.map((near) => indexesOf(near, 3)))
  return LESS_SURE.filter((tier) => tier >= least).reduce(
    (found, tier) =>
      matchMost(
        wishes.map((near) => indexesOf(near, tier)),
        found,
      ),
    partners,
  )
}

function indexesOf(near: readonly Wish[], least: Likeness): readonly number[] {
  return near.filter((wish) => wish.likeness >= least).map(({ index }) => index)
}

function bySureness(a: Wish, b: Wish): number {
  if (a.likeness !== b.likeness) return b.likeness - a.likeness
  return a.distance < b.distance ? -1 : a.distance > b.distance ? 1 : a.index - b.index
}

/** Index of the first of the sorted instants that is not before `instant`. */
function firstFrom(sorted: readonly UnixNano[], instant: UnixNano): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < instant) low = middle + 1
    else high = middle
  }
  return low
}

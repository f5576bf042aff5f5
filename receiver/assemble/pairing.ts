import type { UnixNano } from '../../core/time.ts'
import { matchMost } from './matching.ts'

/** How many observations before and after it one is compared with. Beyond it they stay apart. */
export const NEIGHBOURS_MAX = 64

/** How what was seen is compared with what is known. */
export interface Pairing<Known, Seen> {
  readonly startOf: (known: Known) => UnixNano
  readonly seenAt: (seen: Seen) => UnixNano
  readonly isSame: (known: Known, seen: Seen) => boolean
  /** Of several that are the same the nearest is taken, where that leaves no other without one. */
  readonly distance: (known: Known, seen: Seen) => UnixNano
}

/**
 * Finds for as many of the seen as can be one of the known that is the same, each of its own.
 * @param known in the order of their start
 * @returns of each of the seen the index of its partner, or -1
 */
export function partnersOf<Known, Seen>(
  known: readonly Known[],
  seen: readonly Seen[],
  { startOf, seenAt, isSame, distance }: Pairing<Known, Seen>,
): readonly number[] {
  const starts = known.map(startOf)
  const wishes = seen.map((each) => {
    const at = firstFrom(starts, seenAt(each))
    const from = Math.max(0, at - NEIGHBOURS_MAX)
    const near: { readonly index: number; readonly distance: UnixNano }[] = []
    for (let index = from; index < Math.min(known.length, at + NEIGHBOURS_MAX); index++) {
      const other = known[index]!
      if (isSame(other, each)) near.push({ index, distance: distance(other, each) })
    }
    return near.sort(byDistance).map(({ index }) => index)
  })
  return matchMost(wishes)
}

function byDistance(
  a: { readonly index: number; readonly distance: UnixNano },
  b: { readonly index: number; readonly distance: UnixNano },
): number {
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

import type { UnixNano } from '../../core/time.ts'
import { apart, SAME_CLOCK_SLACK_NANO, type Times } from './identity.ts'
import { matchMost } from './matching.ts'

/** How many observations before and after it one is compared with. Beyond it they stay apart. */
export const NEIGHBOURS_MAX = 64

/** How sure it is that two observations are of one call: not at all, or the more the higher. Who compares them says why. */
export type Likeness = 0 | 1 | 2 | 3

const LESS_SURE: readonly Likeness[] = [2, 1]

/** How what was seen is compared with what is known. */
export interface Pairing<Known, Seen> {
  readonly knownAt: (known: Known) => Times
  readonly seenAt: (seen: Seen) => Times
  /** Asked only of what overlaps in time. */
  readonly likeness: (known: Known, seen: Seen) => Likeness
}

interface Wish {
  readonly index: number
  readonly likeness: Likeness
}

/**
 * Finds for as many of the seen as can be one of the known that is the same, each of its own, and of these as many as can be
 * that are surely the same. Of several that are alike the nearest is taken, where that leaves no other without one.
 * @param known in the order of their start
 * @returns of each of the seen the index of its partner, or -1
 */
export function partnersOf<Known, Seen>(
  known: readonly Known[],
  seen: readonly Seen[],
  pairing: Pairing<Known, Seen>,
): Int32Array {
  const times = known.map(pairing.knownAt)
  const lasts = lastEnds(times)
  const wishes = seen.map((each) => wishesOf(known, times, lasts, each, pairing))
  const least = wishes.reduce((all, near) => Math.min(all, near.at(-1)?.likeness ?? 3), 3)
  const partners = matchMost(
    wishes.map((near) => indexesOf(near, 3)),
    known.length,
  )
  return LESS_SURE.filter((tier) => tier >= least).reduce(
    (found, tier) =>
      matchMost(
        wishes.map((near) => indexesOf(near, tier)),
        known.length,
        found,
      ),
    partners,
  )
}

/** The surest first, of equals the nearest. */
function wishesOf<Known, Seen>(
  known: readonly Known[],
  times: readonly Times[],
  lasts: readonly UnixNano[],
  seen: Seen,
  { seenAt, likeness }: Pairing<Known, Seen>,
): readonly Wish[] {
  const at = seenAt(seen)
  const middle = firstFrom(times, at.startNano)
  const near: Wish[] = []
  const weigh = (index: number) => {
    const alike = likeness(known[index]!, seen)
    if (alike !== 0) near.push({ index, likeness: alike })
  }
  const [begun, over] = [at.startNano - SAME_CLOCK_SLACK_NANO, at.endNano + SAME_CLOCK_SLACK_NANO]
  for (let index = middle - 1; index >= Math.max(0, middle - NEIGHBOURS_MAX); index--) {
    if (lasts[index]! < begun) break
    weigh(index)
  }
  for (let index = middle; index < Math.min(known.length, middle + NEIGHBOURS_MAX); index++) {
    if (times[index]!.startNano > over) break
    weigh(index)
  }
  if (near.length < 2) return near
  const distances = new Map(near.map(({ index }) => [index, apart(times[index]!, at)]))
  return near.sort((a, b) => {
    if (a.likeness !== b.likeness) return b.likeness - a.likeness
    const [farA, farB] = [distances.get(a.index)!, distances.get(b.index)!]
    return farA < farB ? -1 : farA > farB ? 1 : a.index - b.index
  })
}

function indexesOf(near: readonly Wish[], least: Likeness): readonly number[] {
  const indexes: number[] = []
  for (const { index, likeness } of near) if (likeness >= least) indexes.push(index)
  return indexes
}

/** When the last of each and all before it was over. */
function lastEnds(times: readonly Times[]): readonly UnixNano[] {
  const lasts: UnixNano[] = []
  let last = 0n
  for (const { endNano } of times) {
    if (endNano > last) last = endNano
    lasts.push(last)
  }
  return lasts
}

/** Index of the first that does not begin before `instant`. */
function firstFrom(sorted: readonly Times[], instant: UnixNano): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]!.startNano < instant) low = middle + 1
    else high = middle
  }
  return low
}

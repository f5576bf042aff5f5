/** Length of the longest chain of partners that make room for one another. */
const CHAIN_MAX = 256

/**
 * Gives as many of the left as can be a partner of their own, preferred partners first.
 * @param wishes of each of the left: the indexes of the right that would do, the best first
 * @param before partners found by fewer wishes; who had one keeps one, though it may be another
 * @returns of each of the left the index of its partner, or -1
 */
export function matchMost(
  wishes: readonly (readonly number[])[],
  before: readonly number[] = [],
): readonly number[] {
  const partner = wishes.map((_, left) => before[left] ?? -1)
  const taken = new Map<number, number>()
  partner.forEach((right, left) => {
    if (right !== -1) taken.set(right, left)
  })
  for (let left = 0; left < wishes.length; left++) {
    if (partner[left] === -1 && wishes[left]!.length > 0) place(left, new Set(), 0)
  }
  return partner

  /** Finds a place for one, moving others along where they have another. */
  function place(left: number, asked: Set<number>, depth: number): boolean {
    if (depth > CHAIN_MAX) return false
    for (const free of [true, false]) {
      for (const right of wishes[left]!) {
        const holder = taken.get(right)
        if (free !== (holder === undefined) || asked.has(right)) continue
        asked.add(right)
        if (holder !== undefined && !place(holder, asked, depth + 1)) continue
        taken.set(right, left)
        partner[left] = right
        return true
      }
    }
    return false
  }
}

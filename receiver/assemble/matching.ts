/** Length of the longest chain of partners that make room for one another. */
const CHAIN_MAX = 256

/**
 * Gives as many of the left as can be a partner of their own, preferred partners first.
 * @param wishes of each of the left: the indexes of the right that would do, the best first
 * @param rights how many are on the right
 * @param before partners found by fewer wishes; who had one keeps one, though it may be another
 * @returns of each of the left the index of its partner, or -1
 */
export function matchMost(
  wishes: readonly (readonly number[])[],
  rights: number,
  before?: Int32Array,
): Int32Array {
  const partner = before?.slice() ?? new Int32Array(wishes.length).fill(-1)
  const holders = new Int32Array(rights).fill(-1)
  partner.forEach((right, left) => {
    if (right !== -1) holders[right] = left
  })
  for (let left = 0; left < wishes.length; left++) {
    if (partner[left] !== -1) continue
    const right = wishes[left]!.find((each) => holders[each] === -1)
    if (right !== undefined) take(left, right)
    else if (wishes[left]!.length > 0) place(left, new Set(), 0)
  }
  return partner

  function take(left: number, right: number): void {
    holders[right] = left
    partner[left] = right
  }

  /** Finds a place for one, moving others along where they have another. */
  function place(left: number, asked: Set<number>, depth: number): boolean {
    if (depth > CHAIN_MAX) return false
    for (const free of [true, false]) {
      for (const right of wishes[left]!) {
        const holder = holders[right]!
        if (free !== (holder === -1) || asked.has(right)) continue
        asked.add(right)
        if (holder !== -1 && !place(holder, asked, depth + 1)) continue
        take(left, right)
        return true
      }
    }
    return false
  }
}

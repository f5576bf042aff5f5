import type { TokenBuckets } from '../../core/usage.ts'
import { eachPair } from './arithmetic.ts'

/**
 * Groups of several whose tokens may be told of one call: all that `agree` are in one group. Most tokens are alike with no
 * other's and are in none.
 * @returns indexes, each at most once, in order within their group
 */
export function alikeGroups(all: readonly TokenBuckets[]): readonly (readonly number[])[] {
  const lead = Int32Array.from(all, (_, at) => at)
  const firsts = new Map<number, number>()
  for (let at = 0; at < all.length; at++) {
    eachPair(all[at]!, (input, output) => {
      const pair = pairHash(input, output)
      const first = firsts.get(pair)
      if (first === undefined) firsts.set(pair, at)
      else join(lead, first, at)
    })
  }
  const groups = new Map<number, number[]>()
  for (let at = 0; at < all.length; at++) {
    const first = leadOf(lead, at)
    if (first === at) continue
    const group = groups.get(first)
    if (group === undefined) groups.set(first, [first, at])
    else group.push(at)
  }
  return [...groups.values()]
}

/** The pairs of an input and an output by which tokens are looked for, as words; see `eachPair`. */
export function pairWords(buckets: TokenBuckets): readonly string[] {
  const words = new Set<string>()
  eachPair(buckets, (input, output) => words.add(`${input}/${output}`))
  return [...words]
}

/** Small enough for a map to hold without a box. Two pairs of one number only make a group larger. */
function pairHash(input: number, output: number): number {
  return (Math.imul(input, 0x9e3779b1) ^ Math.imul(output, 0x85ebca6b)) >>> 2
}

function leadOf(lead: Int32Array, at: number): number {
  while (lead[at] !== at) {
    lead[at] = lead[lead[at]!]!
    at = lead[at]!
  }
  return at
}

/** The lowest index leads. */
function join(lead: Int32Array, a: number, b: number): void {
  const [first, second] = [leadOf(lead, a), leadOf(lead, b)]
  if (first < second) lead[second] = first
  else lead[first] = second
}

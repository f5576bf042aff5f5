import type { TokenBuckets } from '../../core/usage.ts'
import { eachPair } from './arithmetic.ts'

/** Groups of several indexes, each at most once, in order within their group. */
interface AlikeGroups {
  readonly members: Int32Array
  /** Where each group ends in `members`; it begins where the one before ends. */
  readonly ends: readonly number[]
}

/**
 * Groups of several whose tokens may be told of one call: all that `agree` are in one group. Most tokens are alike with no
 * other's and are in none. Sorted numbers find them, as a map of so many entries costs more than all that is done with it.
 */
export function alikeGroups(all: readonly TokenBuckets[]): AlikeGroups {
  const pairs = sortedPairs(all)
  const lead = new Int32Array(all.length)
  for (let at = 0; at < lead.length; at++) lead[at] = at
  let joined = 0
  for (let at = 1, first = 0; at < pairs.length; at++) {
    if (hashOf(pairs[at]!) !== hashOf(pairs[first]!)) first = at
    else if (join(lead, indexOf(pairs[first]!), indexOf(pairs[at]!))) joined++
  }
  return joined === 0 ? NONE : groupsOf(lead, joined)
}

const NONE: AlikeGroups = { members: new Int32Array(0), ends: [] }

/** So many calls of one trace are told apart; a hash and an index make a whole number that is exact. */
const INDEXES = 2 ** 22

/** The hash of each pair with the index of who has it, sorted. */
function sortedPairs(all: readonly TokenBuckets[]): Float64Array {
  const pairs: number[] = []
  let index = 0
  const add = (input: number, output: number) => pairs.push(pairHash(input, output) * INDEXES + index)
  for (; index < all.length; index++) eachPair(all[index]!, add)
  return new Float64Array(pairs).sort()
}

function hashOf(pair: number): number {
  return Math.floor(pair / INDEXES)
}

function indexOf(pair: number): number {
  return pair % INDEXES
}

function groupsOf(lead: Int32Array, joined: number): AlikeGroups {
  const sizes = new Int32Array(lead.length)
  for (let at = 0; at < lead.length; at++) sizes[leadOf(lead, at)]!++
  const next = new Int32Array(lead.length)
  const ends: number[] = []
  let end = 0
  for (let at = 0; at < lead.length; at++) {
    if (sizes[at]! < 2) continue
    next[at] = end
    end += sizes[at]!
    ends.push(end)
  }
  const members = new Int32Array(joined + ends.length)
  for (let at = 0; at < lead.length; at++) {
    const first = leadOf(lead, at)
    if (sizes[first]! > 1) members[next[first]!++] = at
  }
  return { members, ends }
}

/** The pairs of an input and an output by which tokens are looked for, as words; see `eachPair`. */
export function pairWords(buckets: TokenBuckets): readonly string[] {
  const words = new Set<string>()
  eachPair(buckets, (input, output) => words.add(`${input}/${output}`))
  return [...words]
}

/** Of 30 bits. Two pairs of one number only make a group larger. */
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

/** The lowest index leads. False where both were together already. */
function join(lead: Int32Array, a: number, b: number): boolean {
  const [first, second] = [leadOf(lead, a), leadOf(lead, b)]
  if (first === second) return false
  if (first < second) lead[second] = first
  else lead[first] = second
  return true
}

import type { TokenBuckets } from '../../core/usage.ts'
import type { Observed } from './observation.ts'
import { TRAIT } from './traits.ts'
import type { Tree } from './tree.ts'

/** The sorts of tokens that some instrumentations do not see, each with its bit. */
const SORTS: readonly (readonly [number, (b: TokenBuckets) => number])[] = [
  [1, (b) => b.cacheRead],
  [2, (b) => b.cacheWrite + b.cacheWrite1h],
  [4, (b) => b.outputReasoning],
]

/** What each scope of a trace is able to see. */
export interface Sights {
  /**
   * Whether two calls tell the same but for what the scopes of one of them see nowhere in the trace. If not, the one that
   * tells less might have told more.
   */
  differBySight(a: Observed, b: Observed): boolean
  /** How many sorts of tokens the scopes of a call tell somewhere in the trace. */
  sortsSeenBy(call: Observed): number
}

/** Reads it where it is asked for: in most traces it is not. */
export function readSights(tree: Tree): Sights {
  let found: ReadonlyMap<string, number> | null = null
  const sights = () => {
    found ??= sightsOf(tree)
    return found
  }
  return {
    sortsSeenBy: (call) => SORTS.filter(([bit]) => tells(tree, sights(), call, bit)).length,
    differBySight(a, b) {
      const known = sights()
      for (const [bit, tokensOf] of SORTS) {
        const [ofA, ofB] = [tokensOf(a.buckets), tokensOf(b.buckets)]
        if (ofA === ofB) continue
        if ((ofA > 0 && ofB > 0) || tells(tree, known, ofA > 0 ? b : a, bit)) return false
      }
      return true
    },
  }
}

function tells(tree: Tree, sights: ReadonlyMap<string, number>, { places }: Observed, bit: number): boolean {
  return places.some((index) => ((sights.get(tree.spans[index]!.scopeName) ?? 0) & bit) !== 0)
}

function sightsOf(tree: Tree): ReadonlyMap<string, number> {
  const sights = new Map<string, number>()
  tree.traits.forEach((traits, index) => {
    if ((traits & TRAIT.request) === 0 || (traits & TRAIT.metered) === 0) return
    const { scopeName, buckets } = tree.spans[index]!
    let bits = 0
    for (const [bit, tokensOf] of SORTS) if (tokensOf(buckets) > 0) bits |= bit
    if (bits !== 0) sights.set(scopeName, (sights.get(scopeName) ?? 0) | bits)
  })
  return sights
}

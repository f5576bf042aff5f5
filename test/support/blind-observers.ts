import fc from 'fast-check'
import type { TokenBuckets } from '../../core/usage.ts'

/** What an instrumentation does not see: it tells such tokens neither by themselves nor in its totals. */
export interface Blindness {
  readonly read: boolean
  readonly written: boolean
  readonly reasoning: boolean
}

export const SEES_ALL: Blindness = { read: false, written: false, reasoning: false }

export const blindness: fc.Arbitrary<Blindness> = fc.record({
  read: fc.boolean(),
  written: fc.boolean(),
  reasoning: fc.boolean(),
})

/** Few numbers, so that the tokens of one call are easily those of another with or without its cache. */
export const confusingBuckets: fc.Arbitrary<TokenBuckets> = fc.record({
  inputUncached: fc.constantFrom(100, 100, 250),
  cacheRead: fc.constantFrom(0, 0, 150),
  cacheWrite: fc.constantFrom(0, 0, 0, 150),
  cacheWrite1h: fc.constant(0),
  outputText: fc.constantFrom(20, 20, 50),
  outputReasoning: fc.constantFrom(0, 0, 30),
})

/** The tokens as such an instrumentation tells them. */
export function seenThrough(b: TokenBuckets, { read, written, reasoning }: Blindness): TokenBuckets {
  return {
    ...b,
    cacheRead: read ? 0 : b.cacheRead,
    cacheWrite: written ? 0 : b.cacheWrite,
    cacheWrite1h: written ? 0 : b.cacheWrite1h,
    outputReasoning: reasoning ? 0 : b.outputReasoning,
  }
}

import { inputTokens, NO_TOKENS, outputTokens, type TokenBuckets } from '../../core/usage.ts'

export function plus(a: TokenBuckets, b: TokenBuckets): TokenBuckets {
  if (a === NO_TOKENS) return b
  return b === NO_TOKENS ? a : combined(a, b, (x, y) => x + y)
}

export function minus(a: TokenBuckets, b: TokenBuckets): TokenBuckets {
  return combined(a, b, (x, y) => x - y)
}

export function isNowhereNegative(b: TokenBuckets): boolean {
  return Object.values(b).every((tokens) => tokens >= 0)
}

/** All tokens: what the provider counted. */
export function allTokens(b: TokenBuckets): number {
  return inputTokens(b) + outputTokens(b)
}

/** Same input and same output, however split. */
export function equalTotals(a: TokenBuckets, b: TokenBuckets): boolean {
  return inputTokens(a) === inputTokens(b) && outputTokens(a) === outputTokens(b)
}

/** The same in every bucket. */
export function isEqual(a: TokenBuckets, b: TokenBuckets): boolean {
  return (
    a.inputUncached === b.inputUncached &&
    a.cacheRead === b.cacheRead &&
    a.cacheWrite === b.cacheWrite &&
    a.cacheWrite1h === b.cacheWrite1h &&
    a.outputText === b.outputText &&
    a.outputReasoning === b.outputReasoning
  )
}

/**
 * What two observers of one call know of it together; null where they contradict each other. Input and output are looked
 * at each by itself: equal totals count with the finer split, and of unequal ones the larger, where it is the smaller one
 * with the cached or the reasoning tokens that the other observer could not see. Of equals `a` counts.
 */
export function together(a: TokenBuckets, b: TokenBuckets): TokenBuckets | null {
  const input = fullerInput(a, b)
  if (input === null) return null
  const output = fullerOutput(a, b)
  if (output === null) return null
  if (input === output) return input
  return { ...input, outputText: output.outputText, outputReasoning: output.outputReasoning }
}

/** Whether one call may be told as both. */
export function agree(a: TokenBuckets, b: TokenBuckets): boolean {
  return fullerInput(a, b) !== null && fullerOutput(a, b) !== null
}

/** Whether either the inputs or the outputs, of which there are some, may be told of one call, but not both. */
export function agreeInPart(a: TokenBuckets, b: TokenBuckets): boolean {
  const input = inputTokens(a) > 0 && inputTokens(b) > 0 && fullerInput(a, b) !== null
  const output = outputTokens(a) > 0 && outputTokens(b) > 0 && fullerOutput(a, b) !== null
  return input !== output && !agree(a, b)
}

/** Buckets that share no pair of an input and an output with one another never `agree`. Calls back with each, its own first. */
export function eachPair(b: TokenBuckets, pair: (input: number, output: number) => void): void {
  const [input, output] = [inputTokens(b), outputTokens(b)]
  const write = writtenTokens(b)
  const told = (b.cacheRead > 0 ? 1 : 0) | (write > 0 ? 2 : 0) | (b.outputReasoning > 0 ? 4 : 0)
  let without = 0
  do {
    pair(
      input - ((without & 1) === 0 ? 0 : b.cacheRead) - ((without & 2) === 0 ? 0 : write),
      output - ((without & 4) === 0 ? 0 : b.outputReasoning),
    )
    // The next of the subsets of what is told.
    without = (without - told) & told
  } while (without !== 0)
}

function fullerInput(a: TokenBuckets, b: TokenBuckets): TokenBuckets | null {
  const more = inputTokens(b) - inputTokens(a)
  if (more === 0) return inputDetails(b) > inputDetails(a) ? b : a
  return more > 0 ? (isCached(more, b, a) ? b : null) : isCached(-more, a, b) ? a : null
}

/** Whether so many tokens are what `whole` has cached and `part` could not see: what was read, or written, or both. */
function isCached(tokens: number, whole: TokenBuckets, part: TokenBuckets): boolean {
  const read = part.cacheRead === 0 ? whole.cacheRead : 0
  const written = writtenTokens(part) === 0 ? writtenTokens(whole) : 0
  return tokens === read + written || tokens === read || tokens === written
}

function fullerOutput(a: TokenBuckets, b: TokenBuckets): TokenBuckets | null {
  const more = outputTokens(b) - outputTokens(a)
  if (more === 0) return b.outputReasoning > 0 && a.outputReasoning === 0 ? b : a
  const [whole, part] = more > 0 ? [b, a] : [a, b]
  return part.outputReasoning === 0 && Math.abs(more) === whole.outputReasoning ? whole : null
}

function writtenTokens(b: TokenBuckets): number {
  return b.cacheWrite + b.cacheWrite1h
}

function inputDetails(b: TokenBuckets): number {
  const cached = Number(b.cacheRead > 0) + Number(b.cacheWrite > 0) + Number(b.cacheWrite1h > 0)
  return 2 * cached + Number(b.inputUncached > 0)
}

function combined(a: TokenBuckets, b: TokenBuckets, combine: (x: number, y: number) => number): TokenBuckets {
  return {
    inputUncached: combine(a.inputUncached, b.inputUncached),
    cacheRead: combine(a.cacheRead, b.cacheRead),
    cacheWrite: combine(a.cacheWrite, b.cacheWrite),
    cacheWrite1h: combine(a.cacheWrite1h, b.cacheWrite1h),
    outputText: combine(a.outputText, b.outputText),
    outputReasoning: combine(a.outputReasoning, b.outputReasoning),
  }
}

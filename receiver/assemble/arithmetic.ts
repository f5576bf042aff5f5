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

/** Of two observations with equal totals the one that tells more buckets apart, the first where both tell as many. */
export function moreDetailed(a: TokenBuckets, b: TokenBuckets): TokenBuckets {
  return details(b) > details(a) ? b : a
}

/**
 * Whether `whole` is `part` with the cached or the reasoning tokens that an observer of `part` could not see.
 */
export function completes(whole: TokenBuckets, part: TokenBuckets): boolean {
  const cached = whole.cacheRead + whole.cacheWrite + whole.cacheWrite1h
  const partCached = part.cacheRead + part.cacheWrite + part.cacheWrite1h
  const inputMissing = inputTokens(whole) - inputTokens(part)
  const outputMissing = outputTokens(whole) - outputTokens(part)
  const input = inputMissing === 0 || (partCached === 0 && inputMissing === cached)
  const output =
    outputMissing === 0 || (part.outputReasoning === 0 && outputMissing === whole.outputReasoning)
  return input && output && inputMissing + outputMissing > 0
}

function details(b: TokenBuckets): number {
  return Object.values(b).filter((tokens) => tokens > 0).length
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

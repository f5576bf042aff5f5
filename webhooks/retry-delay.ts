const FIRST_MS = 5_000
const GROWTH = 3
const LONGEST_MS = 8 * 3_600_000

/** Longest pause a receiver can ask for. */
export const RETRY_AFTER_MS_MAX = 24 * 3_600_000

/**
 * Milliseconds until the next attempt: 5 s, 15 s, 45 s and so on up to 8 h, a quarter more or less, so that what failed
 * together does not come again together.
 *
 * @param attempts that failed so far, 1 or more
 * @param jitter from 0 to 1, by chance
 * @param askedMs what the receiver asked for by Retry-After
 */
export function retryDelayMs(attempts: number, jitter: number, askedMs = 0): number {
  const delay = Math.min(LONGEST_MS, FIRST_MS * GROWTH ** Math.min(attempts - 1, 20))
  const spread = Math.round(delay * (0.75 + jitter / 2))
  return Math.max(spread, Math.min(askedMs, RETRY_AFTER_MS_MAX))
}

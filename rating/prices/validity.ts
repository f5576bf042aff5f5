import type { UnixNano } from '../../core/time.ts'
import type { BookRow } from './resolve.ts'
import type { Terms } from './terms.ts'

/** For which calls of a model the book's answer stays the same: by their instant, and by their whole input. */
export interface Validity {
  readonly from: UnixNano
  /** Excluded. */
  readonly to: UnixNano
  /** Both excluded. */
  readonly above: number
  readonly below: number
}

const NANOS_PER_MICRO = 1000n
const ALWAYS = 10n ** 30n

/**
 * As far as no row and no term begins or ends, and no context threshold is met, whichever of them made the answer.
 * @param rows all rows that the call could be priced by
 * @returns null where the answer is good for this call only: at a threshold, and where rows are for some hours
 */
export function validityOf(
  rows: Iterable<BookRow>,
  { discounts, rates, hourly }: Terms,
  at: UnixNano,
  inputTokens: number,
): Validity | null {
  if (hourly.length > 0) return null
  const micros = Number(at / NANOS_PER_MICRO)
  const span = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY }
  let above = Number.NEGATIVE_INFINITY
  let below = Number.POSITIVE_INFINITY
  for (const row of rows) {
    if (row.schedule !== null) return null
    narrow(span, row, micros)
    if (row.contextFrom === 0) continue
    if (row.contextFrom === inputTokens) return null
    if (row.contextFrom < inputTokens) above = Math.max(above, row.contextFrom)
    else below = Math.min(below, row.contextFrom)
  }
  for (const discount of discounts) narrow(span, discount, micros)
  for (const ofCurrency of rates.values()) for (const rate of ofCurrency) narrow(span, rate, micros)
  return { from: nanosOf(span.from), to: nanosOf(span.to), above, below }
}

export function isValid({ from, to, above, below }: Validity, at: UnixNano, inputTokens: number): boolean {
  return inputTokens > above && inputTokens < below && at >= from && at < to
}

interface Force {
  readonly effectiveFrom: number
  readonly effectiveTo: number | null
}

/** Cuts a span around an instant at what begins or ends. All in microseconds since 1970. */
function narrow(
  span: { from: number; to: number },
  { effectiveFrom, effectiveTo }: Force,
  micros: number,
): void {
  for (const edge of [effectiveFrom, effectiveTo]) {
    if (edge === null) continue
    if (edge <= micros) span.from = Math.max(span.from, edge)
    else span.to = Math.min(span.to, edge)
  }
}

function nanosOf(micros: number): UnixNano {
  if (!Number.isFinite(micros)) return micros < 0 ? -ALWAYS : ALWAYS
  return BigInt(Math.ceil(micros)) * NANOS_PER_MICRO
}

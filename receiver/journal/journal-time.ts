import { EARLIEST_SPAN_NANO, type UnixNano } from '../../core/time.ts'

/** First microsecond that no journal row has: 2100-01-01T00:00:00Z. */
const LATEST_NANO: UnixNano = 4_102_444_800_000_000_000n

/**
 * The journal's `time` of a span, in microseconds since 1970: its end, clamped to [2020, 2100). It depends on the span
 * alone, never on a clock, so that a resend meets the same key.
 */
export function journalMicros(endNano: UnixNano): number {
  if (endNano < EARLIEST_SPAN_NANO) return Number(EARLIEST_SPAN_NANO / 1000n)
  if (endNano >= LATEST_NANO) return Number(LATEST_NANO / 1000n) - 1
  return Number(endNano / 1000n)
}

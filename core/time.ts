/**
 * Instants. Spans carry nanoseconds since 1970 as `bigint`; tables keep `timestamptz` (microseconds); the API
 * writes RFC 3339 in UTC. Pure code is given its instants, it never asks a clock.
 */

/** Nanoseconds since 1970-01-01T00:00:00Z. */
export type UnixNano = bigint

/** Milliseconds since 1970-01-01T00:00:00Z, as clocks of a process give them. */
export type UnixMillis = number

const NANOS_PER_MILLI = 1_000_000n

/** Span times before this are kept but not believed: 2020-01-01T00:00:00Z. */
export const EARLIEST_SPAN_NANO: UnixNano = 1_577_836_800_000_000_000n

/** Span times further ahead of the receiver's clock than this are kept but not believed. */
export const LATEST_SPAN_AHEAD_NANO: UnixNano = 86_400_000_000_000n

/** RFC 3339 in UTC with microseconds where there are any: `2026-11-23T15:34:18.000123Z`. */
export function rfc3339(nano: UnixNano): string {
  const micros = nano / 1000n
  const millis = Number(micros / 1000n)
  const rest = Number(micros % 1000n)
  const text = new Date(millis).toISOString()
  return rest === 0 ? text : `${text.slice(0, -1)}${String(rest).padStart(3, '0')}Z`
}

/** Microseconds since 1970 of an instant as `rfc3339` writes it. */
export function microsOfRfc3339(text: string): number {
  const point = text.indexOf('.')
  const rest = point < 0 ? '' : text.slice(point + 4, -1)
  return Date.parse(text) * 1000 + Number(rest)
}

export function nanoOfMillis(millis: UnixMillis): UnixNano {
  return BigInt(Math.trunc(millis)) * NANOS_PER_MILLI
}

/** Whether a span time is believed: from 2020 to 24 hours ahead of `now`. */
export function isPlausible(nano: UnixNano, now: UnixNano): boolean {
  return nano >= EARLIEST_SPAN_NANO && nano <= now + LATEST_SPAN_AHEAD_NANO
}

import { EARLIEST_SPAN_NANO, LATEST_SPAN_AHEAD_NANO, type UnixNano } from '../../core/time.ts'

/** When a trace began and ended. */
export interface Bounds {
  readonly startNano: UnixNano
  readonly endNano: UnixNano
}

/** Bounds in the making. */
interface GrowingBounds {
  /** Takes a span in; false where its times are not believed. */
  extend(startNano: UnixNano, endNano: UnixNano): boolean
  /** Of what is believed; of all, where nothing is. */
  found(): Bounds
}

/** Bounds of spans of which those that `isPlausible` would not believe at `now` count only if there are no others. */
export function boundsUntil(now: UnixNano): GrowingBounds {
  const latest = now + LATEST_SPAN_AHEAD_NANO
  const believed = growing()
  const all = growing()
  return {
    extend(startNano, endNano) {
      const isBelieved =
        startNano >= EARLIEST_SPAN_NANO &&
        startNano <= latest &&
        endNano >= EARLIEST_SPAN_NANO &&
        endNano <= latest
      const bounds = isBelieved ? believed : all
      if (bounds.first === null || startNano < bounds.first) bounds.first = startNano
      if (endNano > bounds.last) bounds.last = endNano
      return isBelieved
    },
    found() {
      const bounds = believed.first === null ? all : believed
      return { startNano: bounds.first ?? 0n, endNano: bounds.last }
    },
  }
}

interface Growing {
  first: UnixNano | null
  last: UnixNano
}

function growing(): Growing {
  return { first: null, last: 0n }
}

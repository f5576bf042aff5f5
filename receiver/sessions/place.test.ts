import { describe, expect, it } from 'vitest'
import { SESSION_APART_MS_MAX, SESSION_SPANS_MAX, SESSION_TRACES_MAX } from '../../core/session.ts'
import { placeFor } from './place.ts'

const TIME = 1_790_000_000_000_000_000n
const event = (fields: { readonly traceCount?: number; readonly spanCount?: number } = {}) => ({
  place: 0,
  timeNano: TIME,
  traceCount: 1,
  spanCount: 1,
  ...fields,
})

describe('an event of a session has room for a trace', () => {
  it(`until it has ${SESSION_SPANS_MAX} spans with usage, and for not one beyond`, () => {
    const almostFull = event({ spanCount: SESSION_SPANS_MAX - 10 })
    expect(placeFor([almostFull], TIME, 10)).toBe(almostFull)
    expect(placeFor([almostFull], TIME, 11)).toBeNull()
  })

  it('alone, however large the trace is, where it has no other', () => {
    const empty = event({ traceCount: 0, spanCount: 0 })
    expect(placeFor([empty], TIME, SESSION_SPANS_MAX + 1)).toBe(empty)
  })

  it(`until it has ${SESSION_TRACES_MAX} traces, and for not one beyond`, () => {
    const almostFull = event({ traceCount: SESSION_TRACES_MAX - 1 })
    expect(placeFor([almostFull], TIME, 1)).toBe(almostFull)
    expect(placeFor([event({ traceCount: SESSION_TRACES_MAX })], TIME, 1)).toBeNull()
  })

  it('that begins within a day of its time, before or after, and not a nanosecond further', () => {
    const apart = BigInt(SESSION_APART_MS_MAX) * 1_000_000n
    const only = event()
    for (const away of [apart, -apart]) expect(placeFor([only], TIME + away, 1)).toBe(only)
    for (const away of [apart + 1n, -apart - 1n]) expect(placeFor([only], TIME + away, 1)).toBeNull()
  })

  it('and the first that has takes it, in the order of places', () => {
    const full = event({ spanCount: SESSION_SPANS_MAX })
    const [second, third] = [1, 2].map((place) => ({ ...event(), place }))
    expect(placeFor([third!, full, second!], TIME, 1)).toBe(second)
  })
})

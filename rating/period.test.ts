import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AforoError } from '../core/errors.ts'
import { periodOf } from './period.ts'

describe('the period of an instant', () => {
  test.each([
    // A plain month.
    ['2026-11-23T12:00:00Z', 'UTC', 1, '2026-11-01T00:00:00Z', '2026-12-01T00:00:00Z'],
    ['2026-11-01T00:00:00Z', 'UTC', 1, '2026-11-01T00:00:00Z', '2026-12-01T00:00:00Z'],
    ['2026-10-31T23:59:59.999Z', 'UTC', 1, '2026-10-01T00:00:00Z', '2026-11-01T00:00:00Z'],
    // Over the year.
    ['2026-01-03T00:00:00Z', 'UTC', 15, '2025-12-15T00:00:00Z', '2026-01-15T00:00:00Z'],
    // January 31 is followed by February's last day and by March 31.
    ['2026-02-15T00:00:00Z', 'UTC', 31, '2026-01-31T00:00:00Z', '2026-02-28T00:00:00Z'],
    ['2026-02-28T00:00:00Z', 'UTC', 31, '2026-02-28T00:00:00Z', '2026-03-31T00:00:00Z'],
    ['2028-02-29T05:00:00Z', 'UTC', 31, '2028-02-29T00:00:00Z', '2028-03-31T00:00:00Z'],
    ['2026-03-31T00:00:00Z', 'UTC', 31, '2026-03-31T00:00:00Z', '2026-04-30T00:00:00Z'],
    // Clocks go forward on 2026-03-29 in Berlin: the month has an hour less.
    ['2026-03-10T00:00:00Z', 'Europe/Berlin', 1, '2026-02-28T23:00:00Z', '2026-03-31T22:00:00Z'],
    // And back on 2026-10-25.
    ['2026-10-31T22:59:59Z', 'Europe/Berlin', 1, '2026-09-30T22:00:00Z', '2026-10-31T23:00:00Z'],
    // It is December in Auckland before it is in London.
    ['2026-11-30T11:00:00Z', 'Pacific/Auckland', 1, '2026-11-30T11:00:00Z', '2026-12-31T11:00:00Z'],
    // Half hours.
    ['2026-11-30T18:30:00Z', 'Asia/Kolkata', 1, '2026-11-30T18:30:00Z', '2026-12-31T18:30:00Z'],
    // Beirut goes forward at midnight: March 29 begins at 01:00 there.
    ['2026-04-01T00:00:00Z', 'Asia/Beirut', 29, '2026-03-28T22:00:00Z', '2026-04-28T21:00:00Z'],
    // Samoa had no December 30 in 2011: what begins on that day begins with the 31st.
    ['2012-01-05T00:00:00Z', 'Pacific/Apia', 30, '2011-12-30T10:00:00Z', '2012-01-29T10:00:00Z'],
  ])('%s in %s, day %i: %s to %s', (instant, timezone, anchorDay, start, end) => {
    const period = periodOf(Date.parse(instant), timezone, anchorDay)
    expect([new Date(period.start).toISOString(), new Date(period.end).toISOString()]).toEqual(
      [start, end].map((text) => new Date(text).toISOString()),
    )
  })

  test('a time zone that is none is refused', () => {
    expect(() => periodOf(0, 'Mars/Olympus', 1)).toThrow(AforoError)
  })

  test('periods hold their instants, follow each other without a gap and are 27 to 32 days long', () => {
    const zones = [
      'UTC',
      'Europe/Berlin',
      'America/New_York',
      'Asia/Kolkata',
      'Pacific/Apia',
      'America/Havana',
    ]
    fc.assert(
      fc.property(
        fc.integer({ min: Date.parse('2013-01-01'), max: Date.parse('2040-01-01') }),
        fc.constantFrom(...zones),
        fc.integer({ min: 1, max: 31 }),
        (instant, zone, anchorDay) => {
          const period = periodOf(instant, zone, anchorDay)
          expect(period.start).toBeLessThanOrEqual(instant)
          expect(period.end).toBeGreaterThan(instant)
          expect(periodOf(period.end, zone, anchorDay).start).toBe(period.end)
          expect(periodOf(period.start - 1, zone, anchorDay).end).toBe(period.start)
          const days = (period.end - period.start) / 86_400_000
          expect(days).toBeGreaterThan(27.9)
          expect(days).toBeLessThan(31.1)
        },
      ),
      { numRuns: 60 },
    )
  })
})

import { describe, expect, test } from 'vitest'
import { isWithin } from './schedule.ts'

const EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]
const WORKDAYS = [1, 2, 3, 4, 5]
const micros = (instant: string) => Date.parse(instant) * 1000

describe('hours of a price', () => {
  const morning = { tz: 'Asia/Shanghai', weekdays: WORKDAYS, from: '09:00', to: '12:00' }

  test.each([
    ['2026-09-07T00:59:59Z', false, 'a second before nine in Beijing'],
    ['2026-09-07T01:00:00Z', true, 'nine on a Monday'],
    ['2026-09-07T03:59:59Z', true, 'a second before noon'],
    ['2026-09-07T04:00:00Z', false, 'noon'],
    ['2026-09-05T02:00:00Z', false, 'a Saturday'],
    ['2026-09-06T02:00:00Z', false, 'a Sunday'],
    ['2026-09-04T02:00:00Z', true, 'a Friday'],
  ])('%s: %s, %s', (instant, expected) => {
    expect(isWithin(morning, micros(instant))).toBe(expected)
  })

  test('the weekday is that of the time zone', () => {
    const earlyMonday = { tz: 'Asia/Shanghai', weekdays: [1], from: '00:00', to: '06:00' }
    expect(isWithin(earlyMonday, micros('2026-09-06T17:00:00Z'))).toBe(true)
    expect(isWithin(earlyMonday, micros('2026-09-07T17:00:00Z'))).toBe(false)
  })

  test('past midnight they belong to the day they began', () => {
    const fridayNight = { tz: 'UTC', weekdays: [5], from: '22:00', to: '02:00' }
    const at = (instant: string) => isWithin(fridayNight, micros(instant))
    expect(at('2026-09-04T23:00:00Z')).toBe(true)
    expect(at('2026-09-05T01:59:59Z')).toBe(true)
    expect(at('2026-09-05T02:00:00Z')).toBe(false)
    expect(at('2026-09-05T23:00:00Z')).toBe(false)
    expect(at('2026-09-04T01:00:00Z')).toBe(false)
  })

  test('go with the clock where it is turned', () => {
    const nine = { tz: 'Europe/Berlin', weekdays: EVERY_DAY, from: '09:00', to: '10:00' }
    expect(isWithin(nine, micros('2026-03-28T08:30:00Z'))).toBe(true)
    expect(isWithin(nine, micros('2026-03-29T08:30:00Z'))).toBe(false)
    expect(isWithin(nine, micros('2026-03-29T07:30:00Z'))).toBe(true)
  })
})

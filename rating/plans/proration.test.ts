import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decimal, ZERO } from '../../core/money.ts'
import { periodOf } from '../period.ts'
import { prorate, splitPeriod } from './proration.ts'

const at = (text: string) => Date.parse(text)
const period = (start: string, end: string) => ({ start: at(start), end: at(end) })
const JUNE = period('2026-06-01T00:00:00Z', '2026-07-01T00:00:00Z')

describe('a period', () => {
  test.each([
    ['half of June', JUNE, '2026-06-16T00:00:00Z', 'UTC', [15, 15, 30]],
    ['a day belongs to what begins on it', JUNE, '2026-06-16T23:59:59Z', 'UTC', [15, 15, 30]],
    [
      'days are the customer’s, whatever hours they have',
      periodOf(at('2026-03-10T00:00:00Z'), 'Europe/Berlin', 1),
      '2026-03-29T22:30:00Z',
      'Europe/Berlin',
      [29, 2, 31],
    ],
    [
      'February of a leap year, from the 18th',
      period('2024-02-18T00:00:00Z', '2024-03-18T00:00:00Z'),
      '2024-02-25T00:00:00Z',
      'UTC',
      [7, 22, 29],
    ],
  ])('is split by days: %s', (_, whole, change, timezone, [before, after, days]) => {
    expect(splitPeriod(whole, [at(change)], timezone)).toEqual([
      { fromDay: 0, toDay: before, days },
      { fromDay: before, toDay: before! + after!, days },
    ])
  })

  test('is whole where nothing begins within it', () => {
    const outside = [JUNE.start, JUNE.end, JUNE.end + 1, JUNE.start - 1]
    expect(splitPeriod(JUNE, outside, 'UTC')).toEqual([{ fromDay: 0, toDay: 30, days: 30 }])
  })

  test('has parts that owe, together, the whole to the last digit', () => {
    const starts = fc.array(fc.integer({ min: JUNE.start, max: JUNE.end }), { maxLength: 6 })
    const amounts = fc.integer({ min: 0, max: 1_000_000 }).map((cents) => new Decimal(cents).div(100))
    fc.assert(
      fc.property(starts, amounts, (changes, amount) => {
        const parts = splitPeriod(JUNE, changes, 'America/New_York').map((part) => prorate(amount, part))
        expect(parts.reduce((sum, part) => sum.plus(part), ZERO).toFixed()).toBe(amount.toFixed())
      }),
    )
  })
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Decimal } from '../core/money.ts'
import { anomalyOf, DAYS_MIN } from './anomaly.ts'

const amounts = (...texts: readonly string[]) => texts.map((text) => new Decimal(text))
const spend = fc.integer({ min: 1, max: 100_000 }).map((cents) => new Decimal(cents).div(100))
const days = fc.array(spend, { minLength: DAYS_MIN, maxLength: 14 })
const ONE = new Decimal(1)

test.each([
  ['an even number of days', '30', ['10', '12', '8', '11'], '10.5', '1.4826', '13.1526'],
  ['one day that was odd does not move the median', '10', ['10', '10', '500', '10', '10'], '10', '1', '0'],
  ['days without a spread have a tenth of it', '20', ['10', '10', '10', '10'], '10', '1', '10'],
  ['and a tenth of the floor', '3', ['0', '0', '0', '0.1'], '0', '0.1', '30'],
])('%s', (_, now, earlier, median, spread, score) => {
  const found = anomalyOf(new Decimal(now), amounts(...earlier), ONE)!
  expect([found.median, found.spread, found.score].map((value) => value.toFixed())).toEqual([
    median,
    spread,
    score,
  ])
})

test('too few days, or less than is judged, says nothing; days before the first spend do not count', () => {
  expect(anomalyOf(new Decimal(99), amounts('1', '1', '1'), ONE)).toBeNull()
  expect(anomalyOf(new Decimal('0.99'), amounts('0', '0', '0', '0.01'), ONE)).toBeNull()
  expect(anomalyOf(new Decimal(99), amounts('1', '1', '1', '0', '0', '0'), ONE)).toBeNull()
  expect(anomalyOf(new Decimal(99), amounts('1', '0', '1', '1', '0', '0'), ONE)!.days).toBe(4)
})

test('the order of the days does not matter, more spend is never less odd, and money has no unit', () => {
  fc.assert(
    fc.property(days, spend, spend, fc.nat(), (earlier, one, other, turn) => {
      const by = turn % earlier.length
      const turned = [...earlier.slice(by), ...earlier.slice(0, by)]
      const score = (value: Decimal, of: readonly Decimal[]) =>
        anomalyOf(value, of, new Decimal('0.01'))!.score
      expect(score(one, turned)).toEqual(score(one, earlier))
      const [less, more] = [one, other].sort((a, b) => a.comparedTo(b)) as [Decimal, Decimal]
      expect(score(more, earlier).greaterThanOrEqualTo(score(less, earlier))).toBe(true)
      const cents = (value: Decimal) => value.times(100)
      expect(anomalyOf(cents(one), earlier.map(cents), ONE)!.score).toEqual(score(one, earlier))
    }),
  )
})

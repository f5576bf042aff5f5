import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Decimal, dividedBy, MONEY_SCALE, toMoneyScale } from './money.ts'

const DECIMAL = fc
  .tuple(fc.bigInt({ min: -(10n ** 45n), max: 10n ** 45n }), fc.nat(40))
  .map(([digits, scale]) => new Decimal(String(digits)).div(new Decimal(10).pow(scale)))

test('divides as decimals do, by powers of ten and by anything else', () => {
  const power = fc.integer({ min: -3, max: 15 }).map((exponent) => new Decimal(10).pow(exponent))
  const size = fc.oneof(
    power,
    fc.integer({ min: 1, max: 20_000_000 }).map((n) => new Decimal(n)),
    DECIMAL,
  )
  fc.assert(
    fc.property(DECIMAL, size, (amount, by) => {
      fc.pre(!by.isZero())
      expect(dividedBy(amount, by).toFixed()).toBe(amount.div(by).toFixed())
    }),
    { numRuns: 500 },
  )
})

test('rounds half to even at the scale of the tables, and leaves what is there already', () => {
  fc.assert(
    fc.property(DECIMAL, (amount) => {
      const rounded = amount.toDecimalPlaces(MONEY_SCALE, Decimal.ROUND_HALF_EVEN)
      expect(toMoneyScale(amount).toFixed()).toBe(rounded.toFixed())
    }),
    { numRuns: 500 },
  )
  expect(toMoneyScale(new Decimal(Number.NaN)).isNaN()).toBe(true)
})

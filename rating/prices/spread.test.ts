import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Decimal, ZERO } from '../../core/money.ts'
import { spread } from './spread.ts'

const told = (parts: readonly Decimal[]) => parts.map((part) => part.toFixed())

test('a third each leaves a digit, which the first has', () => {
  const thirds = [1, 1, 1].map((quantity) => new Decimal(quantity))
  expect(told(spread(new Decimal('0.01'), thirds, 2))).toEqual(['0.01', '0', '0'])
  expect(told(spread(new Decimal(10), thirds, 2))).toEqual(['3.34', '3.33', '3.33'])
})

test('the digits that are left go where most was cut off', () => {
  const quantities = [1, 2, 4].map((quantity) => new Decimal(quantity))
  // 0.142857…, 0.285714…, 0.571428…
  expect(told(spread(new Decimal(1), quantities, 1))).toEqual(['0.1', '0.3', '0.6'])
})

test('the parts add up to the whole to the last digit, and each is less than one off its share', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 10n ** 30n }),
      fc.array(fc.integer({ min: 0, max: 10 ** 9 }), { minLength: 1, maxLength: 40 }),
      (digits, counts) => {
        fc.pre(counts.some((count) => count > 0))
        const amount = new Decimal(digits.toString()).div(new Decimal(10).pow(18))
        const quantities = counts.map((count) => new Decimal(count))
        const parts = spread(amount, quantities, 18)
        const total = quantities.reduce((sum, quantity) => sum.plus(quantity), ZERO)
        expect(parts.reduce((sum, part) => sum.plus(part), ZERO).toFixed()).toBe(amount.toFixed())
        parts.forEach((part, no) => {
          const off = part.minus(amount.mul(quantities[no]!).div(total)).abs()
          expect(off.lessThan('0.000000000000000001')).toBe(true)
        })
      },
    ),
  )
})

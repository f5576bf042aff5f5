import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Decimal, decimalText } from './money.ts'
import { SCALED_ONE, scaled, scaledText } from './scaled.ts'

const BOUND = 10n ** 38n

test('is written as its exact decimal, and read back', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -BOUND, max: BOUND }), fc.integer({ min: 0, max: 38 }), (digits, zeros) => {
      // Amounts that end in zeros are where a writer goes wrong.
      const amount = digits - (digits % 10n ** BigInt(zeros))
      const text = scaledText(amount)
      expect(text).toBe(decimalText(new Decimal(amount.toString()).div(SCALED_ONE.toString())))
      expect(scaled(text)).toBe(amount)
    }),
  )
})

test.each([
  [0n, '0'],
  [1n, '0.000000000000000001'],
  [-1n, '-0.000000000000000001'],
  [SCALED_ONE, '1'],
  [SCALED_ONE * 100n, '100'],
  [SCALED_ONE / 10n, '0.1'],
  [-SCALED_ONE - SCALED_ONE / 2n, '-1.5'],
])('%s of 10^-18 is %s', (amount, text) => {
  expect(scaledText(amount)).toBe(text)
})

test('digits beyond the scale round up', () => {
  const digits = fc.stringMatching(/^\d{1,30}$/)
  fc.assert(
    fc.property(fc.boolean(), digits, fc.option(digits, { nil: null }), (isNegative, whole, part) => {
      const text = `${isNegative ? '-' : ''}${whole}${part === null ? '' : `.${part}`}`
      const up = new Decimal(text).times(SCALED_ONE.toString()).ceil()
      expect(scaled(text)).toBe(BigInt(up.toFixed(0)))
    }),
  )
})

test.each(['', '.', '1.', '.5', '+1', '1e3', '--1', ' 1', '1,5', `1.${'0'.repeat(31)}`])(
  '%j is no decimal',
  (text) => {
    expect(() => scaled(text)).toThrow(RangeError)
  },
)

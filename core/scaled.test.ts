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

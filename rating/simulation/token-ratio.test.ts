import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Decimal } from '../../core/money.ts'
import { scaleBy } from './token-ratio.ts'

test('any count times any ratio is the decimal product, half up, and at most what a count may be', () => {
  const digits = fc.integer({ min: 1, max: 10_000_000 })
  const ratios = fc
    .tuple(digits, fc.integer({ min: 0, max: 7 }))
    .map(([n, places]) => new Decimal(n).div(10 ** places))
  const counts = fc.oneof(fc.maxSafeNat(), fc.nat(100_000), fc.constant(0))
  fc.assert(
    fc.property(counts, ratios, (count, ratio) => {
      const product = ratio.mul(count).toDecimalPlaces(0, Decimal.ROUND_HALF_UP)
      expect(scaleBy(ratio)(count)).toBe(Decimal.min(product, Number.MAX_SAFE_INTEGER).toNumber())
    }),
    { numRuns: 2_000 },
  )
})

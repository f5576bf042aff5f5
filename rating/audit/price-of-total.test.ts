import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Decimal } from '../../core/money.ts'
import { anyPlanOfOne } from '../../test/rating/any-plan.ts'
import { curveOf } from '../plans/curve.ts'
import { fraction, rounded, toWhole } from './exact.ts'
import { priceOfTotal } from './price-of-total.ts'

const quantity = fc
  .tuple(fc.integer({ min: -20_000, max: 20_000 }), fc.constantFrom(0, 0, 0, 9, 18))
  .map(([number, scale]) => new Decimal(number).div(new Decimal(10).pow(scale)).toFixed())

it('says what the curve says, for plans of every model and switch', () => {
  fc.assert(
    fc.property(anyPlanOfOne, quantity, (plan, total) => {
      const price = curveOf(plan, 0).priceOf(new Decimal(total))
      expect(priceOfTotal(plan, 0, total)).toBe(BigInt(price.mul(new Decimal(10).pow(18)).toFixed(0)))
    }),
    { numRuns: 2_000, seed: 20_261_123 },
  )
})

it('says what the curve says at the ends of tiers', () => {
  fc.assert(
    fc.property(anyPlanOfOne, (plan) => {
      const meter = plan.meters[0]!
      const ends = 'tiers' in meter ? meter.tiers.flatMap((tier) => tier.up_to ?? []) : ['0', '1']
      for (const end of ends) {
        const price = curveOf(plan, 0).priceOf(new Decimal(end))
        expect(priceOfTotal(plan, 0, end)).toBe(BigInt(price.mul(new Decimal(10).pow(18)).toFixed(0)))
      }
    }),
    { numRuns: 500, seed: 20_261_123 },
  )
})

it.each([
  ['2.5', 2n, 3n, 2n, 3n],
  ['3.5', 4n, 4n, 3n, 4n],
  ['-2.5', -2n, -2n, -3n, -2n],
  ['-0.1', 0n, 0n, -1n, 0n],
  ['7', 7n, 7n, 7n, 7n],
] as const)('rounds %s', (text, even, nearest, down, up) => {
  const told = (['even', 'nearest', 'down', 'up'] as const).map((how) => toWhole(fraction(text), how))
  expect(told).toEqual([even, nearest, down, up])
})

it('rounds to places, half to even', () => {
  expect([rounded(fraction('0.125'), 2), rounded(fraction('-0.135'), 2)]).toEqual([12n, -14n])
})

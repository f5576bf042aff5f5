import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decimal, ZERO } from '../core/money.ts'
import type { PlanMeter } from '../core/plan.ts'
import { cumulativePrice, priceOfStep } from './curve.ts'

const decimalOf = (digits: number) =>
  fc
    .tuple(fc.integer({ min: 0, max: 999_999 }), fc.integer({ min: 0, max: digits }))
    .map(([number, scale]) => new Decimal(number).div(new Decimal(10).pow(scale)).toFixed())

const meterOf: fc.Arbitrary<PlanMeter> = fc.oneof(
  fc.record({
    model: fc.constant('per_unit' as const),
    meter: fc.constant('input_tokens' as const),
    unit_price: decimalOf(15),
    per: fc.constantFrom('1', '3', '7', '1000', '1000000'),
  }),
  fc.record({
    model: fc.constant('cost_plus' as const),
    meter: fc.constant('cogs' as const),
    markup_pct: decimalOf(12),
  }),
)

describe('the cumulative curve', () => {
  test.each([
    ['3', '1000000', '1842', '0.005526'],
    ['1', '3', '1', '0.333333333333333333'],
    ['0.000000000000001', undefined, '1', '0.000000000000001'],
  ])('%s per %s: %s units cost %s', (unit_price, per, quantity, price) => {
    const meter: PlanMeter = { model: 'per_unit', meter: 'input_tokens', unit_price, per }
    expect(cumulativePrice(meter, new Decimal(quantity)).toFixed()).toBe(price)
  })

  test('cost plus 40 % of 0.021771 is 0.0304794', () => {
    const meter: PlanMeter = { model: 'cost_plus', meter: 'cogs', markup_pct: '40' }
    expect(cumulativePrice(meter, new Decimal('0.021771')).toFixed()).toBe('0.0304794')
  })

  test('steps add up to the price of the total, in any order and pieces, takings back included', () => {
    fc.assert(
      fc.property(
        meterOf,
        fc.array(fc.tuple(decimalOf(9), fc.boolean()), { minLength: 1, maxLength: 30 }),
        fc.infiniteStream(fc.nat()),
        (meter, pieces, keys) => {
          const steps = pieces.map(([text, back]) => (back ? new Decimal(text).neg() : new Decimal(text)))
          const total = steps.reduce((sum, step) => sum.plus(step), ZERO)
          const shuffled = steps
            .map((step) => [keys.next().value as number, step] as const)
            .sort(([a], [b]) => a - b)
            .map(([, step]) => step)
          for (const order of [steps, shuffled]) {
            let at = ZERO
            let charged = ZERO
            for (const step of order) {
              charged = charged.plus(priceOfStep(meter, at, at.plus(step)))
              at = at.plus(step)
            }
            expect(charged.toFixed()).toBe(cumulativePrice(meter, total).toFixed())
            expect(charged.decimalPlaces()).toBeLessThanOrEqual(18)
          }
        },
      ),
    )
  })
})

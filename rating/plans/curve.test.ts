import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decimal, ZERO } from '../../core/money.ts'
import type { PlanMeter } from '../../core/plan.ts'
import { anyPlanOfOne, decimalOf } from '../../test/rating/any-plan.ts'
import { curveOf, priceOfStep } from './curve.ts'
import { parsePlan } from './plan.ts'

const TIERS = [
  { up_to: '5', unit_price: '0', flat: '100' },
  { up_to: '10', unit_price: '2', flat: '50' },
  { up_to: null, unit_price: '1' },
]
const tokens = { meter: 'input_tokens' }

describe('the cumulative curve', () => {
  test.each<[object, string, string]>([
    [{ model: 'per_unit', unit_price: '3', per: '1000000' }, '1842', '0.005526'],
    [{ model: 'per_unit', unit_price: '1', per: '3' }, '1', '0.333333333333333333'],
    [{ model: 'per_unit', unit_price: '0.000000000000001' }, '1', '0.000000000000001'],
    [{ model: 'per_unit', unit_price: '10', per: '1000', rounding: 'up' }, '1400', '20'],
    [{ model: 'per_unit', unit_price: '10', per: '1000', rounding: 'nearest' }, '1500', '20'],
    [{ model: 'per_unit', unit_price: '10', per: '1000', rounding: 'nearest' }, '1499', '10'],
    [{ model: 'per_unit', unit_price: '10', per: '1000', rounding: 'down' }, '1999', '10'],
    [{ model: 'graduated', tiers: TIERS }, '0', '0'],
    [{ model: 'graduated', tiers: TIERS }, '0.5', '100'],
    [{ model: 'graduated', tiers: TIERS }, '5', '100'],
    [{ model: 'graduated', tiers: TIERS, tier_boundary: 'exclusive' }, '5', '150'],
    [{ model: 'graduated', tiers: TIERS }, '5.5', '151'],
    [{ model: 'graduated', tiers: TIERS }, '12', '162'],
    [{ model: 'volume', tiers: TIERS }, '10', '70'],
    [{ model: 'volume', tiers: TIERS, tier_boundary: 'exclusive' }, '10', '10'],
    [{ model: 'volume', tiers: TIERS }, '10.5', '10.5'],
    [{ model: 'volume', tiers: TIERS }, '0', '0'],
    [{ model: 'package', package_size: '10', package_price: '15' }, '11', '30'],
    [{ model: 'package', package_size: '10', package_price: '15' }, '10', '15'],
    [{ model: 'package', package_size: '10', package_price: '15', rounding: 'down' }, '19', '15'],
    [{ model: 'package', package_size: '10', package_price: '15', included: '5' }, '16', '30'],
    [{ model: 'flat', flat: '99' }, '0.001', '99'],
    [{ model: 'flat', flat: '99' }, '0', '0'],
    // Below zero: what was charged, backwards; or nothing.
    [{ model: 'package', package_size: '10', package_price: '1' }, '-15', '-2'],
    [{ model: 'package', package_size: '10', package_price: '1', negative: 'zero' }, '-15', '0'],
    [{ model: 'volume', tiers: TIERS }, '-6', '-62'],
    // What is included is taken off first, and the tiers begin behind it.
    [{ model: 'per_unit', unit_price: '2', included: '100' }, '100', '0'],
    [{ model: 'per_unit', unit_price: '2', included: '100' }, '101', '2'],
    [{ model: 'graduated', tiers: TIERS, included: '100' }, '112', '162'],
    [{ model: 'per_unit', unit_price: '2', included: '100' }, '-101', '-2'],
  ])('%j: %s come to %s', (meter, quantity, price) => {
    const plan = parsePlan({ currency: 'USD', meters: [{ ...tokens, ...meter }] })
    expect(curveOf(plan, 0).priceOf(new Decimal(quantity)).toFixed()).toBe(price)
  })

  test('cost plus 40 % of 0.021771 is 0.0304794', () => {
    const plan = parsePlan({
      currency: 'USD',
      meters: [{ model: 'cost_plus', meter: 'cogs', markup_pct: '40' }],
    })
    expect(curveOf(plan, 0).priceOf(new Decimal('0.021771')).toFixed()).toBe('0.0304794')
  })

  test('a discount is taken off every amount', () => {
    const meters: PlanMeter[] = [
      { model: 'graduated', meter: 'traces', tiers: TIERS, zero_usage: 'flat' },
      { model: 'per_unit', meter: 'tool_calls', unit_price: '1', per: '3' },
    ]
    const plan = parsePlan({ currency: 'USD', meters, discount_pct: '10' })
    expect(curveOf(plan, 0).standing.toFixed()).toBe('90')
    expect(curveOf(plan, 0).priceOf(new Decimal('7')).toFixed()).toBe('48.6')
    expect(curveOf(plan, 1).priceOf(new Decimal('1')).toFixed()).toBe('0.3')
  })

  test('what is due without usage is no part of what events are charged', () => {
    const plan = (meter: object) =>
      parsePlan({ currency: 'USD', meters: [{ ...tokens, zero_usage: 'flat', ...meter }] })
    const volume = curveOf(plan({ model: 'volume', tiers: TIERS }), 0)
    expect(volume.standing.toFixed()).toBe('100')
    expect(volume.priceOf(new Decimal(3)).toFixed()).toBe('0')
    expect(volume.priceOf(new Decimal(6)).toFixed(), 'cheaper by tier: 62 in all').toBe('-38')
    const flat = curveOf(plan({ model: 'flat', flat: '9' }), 0)
    expect([flat.standing.toFixed(), flat.priceOf(new Decimal(1)).toFixed()]).toEqual(['9', '0'])
  })

  test('a cheaper tier gives back', () => {
    const tiers = [
      { up_to: '15', unit_price: '10' },
      { up_to: null, unit_price: '5' },
    ]
    const plan = parsePlan({ currency: 'USD', meters: [{ ...tokens, model: 'volume', tiers }] })
    expect(priceOfStep(curveOf(plan, 0), new Decimal(15), new Decimal(16)).toFixed()).toBe('-70')
  })

  test('steps add up to the price of the total, in any order and pieces, takings back included', () => {
    fc.assert(
      fc.property(
        anyPlanOfOne,
        fc.array(fc.tuple(decimalOf(9), fc.boolean()), { minLength: 1, maxLength: 30 }),
        fc.infiniteStream(fc.nat()),
        (written, pieces, keys) => {
          const curve = curveOf(parsePlan(written), 0)
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
              charged = charged.plus(priceOfStep(curve, at, at.plus(step)))
              at = at.plus(step)
            }
            expect(charged.toFixed()).toBe(curve.priceOf(total).toFixed())
            expect(charged.decimalPlaces()).toBeLessThanOrEqual(18)
          }
        },
      ),
    )
  })

  test('begins at zero, and all but volume never falls', () => {
    fc.assert(
      fc.property(anyPlanOfOne, decimalOf(3), decimalOf(3), (plan, some, more) => {
        const curve = curveOf(plan, 0)
        expect(curve.priceOf(ZERO).isZero()).toBe(true)
        const step = priceOfStep(curve, new Decimal(some), new Decimal(some).plus(more))
        if (plan.meters[0]!.model !== 'volume') expect(step.isNegative() && !step.isZero()).toBe(false)
      }),
    )
  })
})

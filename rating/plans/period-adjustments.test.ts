import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decimal, ZERO } from '../../core/money.ts'
import type { Plan } from '../../core/plan.ts'
import { anyPlanOfOne, decimalOf } from '../../test/rating/any-plan.ts'
import { type MeterTotal, periodTotal } from './period-adjustments.ts'
import { parsePlan } from './plan.ts'

const TOOLS = { meter: 'tool_calls', model: 'per_unit', unit_price: '10' }
const HALF = { fromDay: 0, toDay: 15, days: 30 }

describe('the end of a period', () => {
  test.each<[string, object, string, string[], string]>([
    ['a minimum that is reached', { minimum: '100' }, '10', [], '100'],
    ['a minimum that is not', { minimum: '100' }, '3', ['minimum 70'], '100'],
    ['a minimum without usage', { minimum: '100' }, '0', ['minimum 100'], '100'],
    ['a maximum that is reached', { maximum: '100' }, '12', ['maximum -20'], '100'],
    ['a maximum that is not', { maximum: '100' }, '10', [], '100'],
    ['a commitment that is kept', { commitment: { amount: '50' } }, '7', [], '70'],
    ['one that is not', { commitment: { amount: '50' } }, '2', ['commitment_true_up 30'], '50'],
    ['one without true-up', { commitment: { amount: '50', true_up: false } }, '2', [], '20'],
    [
      'overage at one and a half times',
      { commitment: { amount: '50', overage_factor: '1.5' } },
      '7',
      ['commitment_overage 10'],
      '80',
    ],
    [
      'overage that is capped',
      { commitment: { amount: '50', overage_factor: '1.5' }, maximum: '75' },
      '7',
      ['commitment_overage 10', 'maximum -5'],
      '75',
    ],
    ['a discount comes before bounds', { discount_pct: '50', minimum: '60' }, '10', ['minimum 10'], '60'],
  ])('%s', (_, terms, quantity, adjustments, price) => {
    const plan = parsePlan({ currency: 'USD', meters: [TOOLS], ...terms })
    expect(told(plan, quantity)).toEqual({ adjustments, price })
  })

  test('bounds of half a period are half', () => {
    const terms = { minimum: '100', commitment: { amount: '60' } }
    const plan = parsePlan({ currency: 'USD', meters: [TOOLS], ...terms })
    expect(told(plan, '1', HALF)).toEqual({
      adjustments: ['commitment_true_up 20', 'minimum 20'],
      price: '50',
    })
    const whole = parsePlan({ ...plan, proration: 'none' })
    expect(told(whole, '1', HALF)).toEqual({
      adjustments: ['commitment_true_up 50', 'minimum 40'],
      price: '100',
    })
  })

  test('a flat fee is due with usage, or always, and for the days of the segment', () => {
    const fee = (of: object) =>
      parsePlan({ currency: 'USD', meters: [{ meter: 'tool_calls', model: 'flat', flat: '99', ...of }] })
    expect(told(fee({}), '0')).toEqual({ adjustments: [], price: '0' })
    expect(told(fee({}), '4')).toEqual({ adjustments: [], price: '99' })
    const always = fee({ zero_usage: 'flat' })
    expect(told(always, '0')).toEqual({ adjustments: ['standing 99'], price: '99' })
    expect(told(always, '4')).toEqual({ adjustments: ['standing 99'], price: '99' })
    expect(told(always, '4', HALF)).toEqual({
      adjustments: ['standing 99', 'proration -49.5'],
      price: '49.5',
    })
    expect(told(fee({}), '4', HALF)).toEqual({ adjustments: ['proration -49.5'], price: '49.5' })
  })

  test('is what the charges come to and the adjustments, within the bounds', () => {
    const terms = fc.record({ minimum: decimalOf(2), room: decimalOf(2) })
    fc.assert(
      fc.property(anyPlanOfOne, terms, decimalOf(3), (written, { minimum, room }, quantity) => {
        const maximum = new Decimal(minimum).plus(room).toFixed()
        const plan: Plan = { ...written, minimum, maximum }
        const { charges, adjustments, price } = periodTotal(plan, [total(quantity)])
        const sum = [...charges, ...adjustments.map(({ amount }) => amount)].reduce((a, b) => a.plus(b), ZERO)
        expect(sum.toFixed()).toBe(price.toFixed())
        expect(price.greaterThanOrEqualTo(minimum) && price.lessThanOrEqualTo(maximum)).toBe(true)
      }),
    )
  })
})

function total(quantity: string): MeterTotal {
  return { meterNo: 0, quantity: new Decimal(quantity) }
}

function told(plan: Plan, quantity: string, segment?: typeof HALF) {
  const { adjustments, price } = periodTotal(plan, [total(quantity)], segment)
  return {
    adjustments: adjustments.map(({ kind, amount }) => `${kind} ${amount.toFixed()}`),
    price: price.toFixed(),
  }
}

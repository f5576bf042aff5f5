import { Decimal, toMoneyScale } from '../core/money.ts'
import type { PlanMeter } from '../core/plan.ts'

/**
 * F: what a quantity of a meter costs in all, from the first unit of the period on, at the scale of the tables. An
 * event that moves the quantity from q to q + d is charged F(q + d) − F(q), so that the charges of a period add up
 * to F of its total, in whatever order and pieces they came, takings back included.
 */
export function cumulativePrice(meter: PlanMeter, quantity: Decimal): Decimal {
  switch (meter.model) {
    case 'per_unit':
      return toMoneyScale(quantity.mul(meter.unit_price).div(meter.per ?? 1))
    case 'cost_plus':
      return toMoneyScale(quantity.mul(new Decimal(meter.markup_pct).plus(100)).div(100))
  }
}

/** The charge for moving a meter from `from` to `to`; negative where quantity is taken back. */
export function priceOfStep(meter: PlanMeter, from: Decimal, to: Decimal): Decimal {
  return cumulativePrice(meter, to).minus(cumulativePrice(meter, from))
}

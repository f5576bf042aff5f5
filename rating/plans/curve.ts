import { Decimal, dividedBy, toMoneyScale, ZERO } from '../../core/money.ts'
import type { Plan, PlanMeter } from '../../core/plan.ts'
import { graduatedPrice, type PriceOfTotal, priceEach, volumePrice } from './tiers.ts'

/** The price of a meter as a function of how much of it a period has counted. */
export interface Curve {
  /**
   * F: what a quantity costs in all, from the first unit of the period on, at the scale of the tables; F(0) = 0. An
   * event that moves the quantity from q to q + d is charged F(q + d) − F(q), so that the charges of a period add up
   * to F of its total, in whatever order and pieces they came, takings back included. F may fall (a tier of `volume`
   * that is cheaper in all than the one before), and may stay (a package that is begun): so may a charge.
   */
  priceOf(quantity: Decimal): Decimal
  /** What a period without usage owes, at the scale of the tables. No event is charged it: it is due with the period. */
  readonly standing: Decimal
}

/** The curve of a meter by its place in the plan: with the quantity included, the discount and the switches applied. */
export function curveOf(plan: Plan, meterNo: number): Curve {
  let curves = known.get(plan)
  if (!curves) {
    curves = plan.meters.map((meter) => createCurve(plan, meter))
    known.set(plan, curves)
  }
  const curve = curves[meterNo]
  if (!curve) throw new Error(`the plan has no meter ${meterNo}`)
  return curve
}

/** The charge for moving a meter from `from` to `to`; negative where quantity is taken back. */
export function priceOfStep(curve: Curve, from: Decimal, to: Decimal): Decimal {
  return curve.priceOf(to).minus(curve.priceOf(from))
}

/** The quantity of a meter that a period has free. */
export function includedOf(plan: Plan, meter: PlanMeter): Decimal {
  const ofPlan = plan.included?.find((included) => included.meter === meter.meter)
  return new Decimal(meter.included ?? ofPlan?.quantity ?? 0)
}

const HUNDRED = new Decimal(100)

/** A plan is read over and over, and a version never changes. */
const known = new WeakMap<Plan, readonly Curve[]>()

function createCurve(plan: Plan, meter: PlanMeter): Curve {
  const undiscounted = priceOfTotal(meter)
  const kept = new Decimal(100).minus(plan.discount_pct ?? 0).div(100)
  const isWhole = kept.equals(1)
  const included = includedOf(plan, meter)
  const isIncluded = !included.isZero()
  const inAll = (quantity: Decimal) => {
    const charged = isIncluded ? Decimal.max(quantity.minus(included), 0) : quantity
    const price = undiscounted(charged)
    return toMoneyScale(isWhole ? price : price.mul(kept))
  }
  const standing = inAll(ZERO)
  const fromZero = standing.isZero() ? inAll : (quantity: Decimal) => inAll(quantity).minus(standing)
  const mirrored = meter.negative !== 'zero'
  return {
    standing,
    priceOf(quantity) {
      if (!quantity.isNegative()) return fromZero(quantity)
      return mirrored ? fromZero(quantity.neg()).neg() : ZERO
    },
  }
}

function priceOfTotal(meter: PlanMeter): PriceOfTotal {
  switch (meter.model) {
    case 'per_unit':
      return priceEach(meter.unit_price, meter.per ?? '1', meter.rounding ?? 'none')
    case 'graduated':
      return graduatedPrice(meter)
    case 'volume':
      return volumePrice(meter)
    case 'package':
      return priceEach(meter.package_price, meter.package_size, meter.rounding ?? 'up')
    case 'cost_plus': {
      const factor = new Decimal(meter.markup_pct).plus(100)
      return (cost) => dividedBy(cost.mul(factor), HUNDRED)
    }
    case 'flat': {
      const fee = new Decimal(meter.flat)
      return (quantity) => (meter.zero_usage === 'flat' || !quantity.isZero() ? fee : ZERO)
    }
  }
}

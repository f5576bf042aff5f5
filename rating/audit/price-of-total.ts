import { MONEY_SCALE } from '../../core/money.ts'
import type { Plan, PlanMeter, Rounding, TieredMeter } from '../../core/plan.ts'
import {
  compared,
  type Fraction,
  fraction,
  NONE,
  negated,
  over,
  plus,
  rounded,
  times,
  toWhole,
} from './exact.ts'

/**
 * F of a meter from scratch: what a whole quantity costs, in units of the last digit of the tables. It says with
 * fractions what the curve says with decimals, and shares nothing with it, so that an error there is not made twice.
 * @param quantity decimal text
 */
export function priceOfTotal(plan: Plan, meterNo: number, quantity: string): bigint {
  const meter = plan.meters[meterNo]
  if (!meter) throw new Error(`the plan has no meter ${meterNo}`)
  const total = fraction(quantity)
  if (total.n >= 0n) return inAll(plan, meter, total) - inAll(plan, meter, NONE)
  if (meter.negative === 'zero') return 0n
  return inAll(plan, meter, NONE) - inAll(plan, meter, negated(total))
}

function inAll(plan: Plan, meter: PlanMeter, total: Fraction): bigint {
  const free = meter.included ?? plan.included?.find((each) => each.meter === meter.meter)?.quantity ?? '0'
  const left = plus(total, negated(fraction(free)))
  const charged = fraction(free).n === 0n ? total : left.n > 0n ? left : NONE
  const kept = over(plus(fraction('100'), negated(fraction(plan.discount_pct ?? '0'))), fraction('100'))
  return rounded(times(price(meter, charged), kept), MONEY_SCALE)
}

function price(meter: PlanMeter, quantity: Fraction): Fraction {
  switch (meter.model) {
    case 'per_unit':
      return each(meter.unit_price, meter.per ?? '1', meter.rounding ?? 'none', quantity)
    case 'package':
      return each(meter.package_price, meter.package_size, meter.rounding ?? 'up', quantity)
    case 'cost_plus':
      return over(times(quantity, plus(fraction('100'), fraction(meter.markup_pct))), fraction('100'))
    case 'flat':
      return quantity.n === 0n && meter.zero_usage !== 'flat' ? NONE : fraction(meter.flat)
    case 'graduated':
      return graduated(meter, quantity)
    case 'volume':
      return volume(meter, quantity)
  }
}

function each(unitPrice: string, per: string, rounding: Rounding, quantity: Fraction): Fraction {
  const count = over(quantity, fraction(per))
  const billed = rounding === 'none' ? count : { n: toWhole(count, rounding), d: 1n }
  return times(fraction(unitPrice), billed)
}

/** Tier by tier: the part of the quantity that lies in it. */
function graduated(meter: TieredMeter, quantity: Fraction): Fraction {
  return meter.tiers.reduce((sum, tier, no) => {
    if (!isReached(meter, no, quantity)) return sum
    const from = fraction(meter.tiers[no - 1]?.up_to ?? '0')
    const isWhole = tier.up_to !== null && compared(fraction(tier.up_to), quantity) < 0
    const part = plus(isWhole ? fraction(tier.up_to!) : quantity, negated(from))
    const charge = each(tier.unit_price, tier.per ?? '1', meter.rounding ?? 'none', part)
    return plus(sum, plus(fraction(tier.flat ?? '0'), charge))
  }, NONE)
}

/** All of the quantity by the tier it ends in. */
function volume(meter: TieredMeter, quantity: Fraction): Fraction {
  const no = meter.tiers.findLastIndex((_, at) => isReached(meter, at, quantity))
  const tier = meter.tiers[no]
  if (!tier) return NONE
  const charge = each(tier.unit_price, tier.per ?? '1', meter.rounding ?? 'none', quantity)
  return plus(fraction(tier.flat ?? '0'), charge)
}

function isReached(meter: TieredMeter, no: number, quantity: Fraction): boolean {
  const from = fraction(meter.tiers[no - 1]?.up_to ?? '0')
  if (from.n === 0n) return quantity.n !== 0n || meter.zero_usage === 'flat'
  const beyond = compared(quantity, from)
  return meter.tier_boundary === 'exclusive' ? beyond >= 0 : beyond > 0
}

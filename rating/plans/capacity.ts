import { Decimal, toMoneyScale, ZERO } from '../../core/money.ts'
import type { Capacity, Meter, Plan } from '../../core/plan.ts'
import type { MeterTotal } from './period-adjustments.ts'

/**
 * What a period owes for its capacity: the price of the first tier whose limits hold for all that was counted, less the
 * plan's discount. Which one that is no event can say, as it takes the whole period's totals.
 */
export function capacityPrice(plan: Plan, totals: readonly MeterTotal[]): Decimal {
  const { capacity, meters, discount_pct = '0' } = plan
  if (!capacity) return ZERO
  const counted = new Map<Meter, Decimal>()
  for (const { meterNo, quantity } of totals) {
    const { meter } = meters[meterNo]!
    counted.set(meter, (counted.get(meter) ?? ZERO).plus(quantity))
  }
  const tier = tierOf(capacity, counted)
  return tier
    ? toMoneyScale(new Decimal(tier.price).mul(new Decimal(100).minus(discount_pct)).div(100))
    : ZERO
}

function tierOf({ tiers, zero_usage }: Capacity, counted: ReadonlyMap<Meter, Decimal>) {
  const limited = new Set(tiers.flatMap(({ limits }) => Object.keys(limits) as Meter[]))
  const isUsed = [...limited].some((meter) => counted.get(meter)?.greaterThan(0))
  if (!isUsed && zero_usage !== 'flat') return undefined
  return tiers.find(({ limits }) =>
    Object.entries(limits).every(([meter, limit]) => !counted.get(meter as Meter)?.greaterThan(limit)),
  )
}

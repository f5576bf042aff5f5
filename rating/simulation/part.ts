import { type Decimal, toMoneyScale, ZERO } from '../../core/money.ts'
import type { Plan } from '../../core/plan.ts'
import { nameOf } from '../name.ts'
import { type Charge, chargesOf } from '../plans/charge.ts'
import { curveOf, priceOfStep } from '../plans/curve.ts'
import { periodTotal } from '../plans/period-adjustments.ts'
import type { Segment } from '../plans/proration.ts'
import type { Chargeable } from '../plans/quantities.ts'

/** Usage that meets in the same counters: of one subscription, period and version of a plan. */
export interface CountedPart {
  readonly plan: Plan
  /** The days it owes fees and bounds for; null: its period does not end within the span, or none of it is its. */
  readonly due: Segment | null
  readonly scopes: readonly {
    readonly agent: string | null
    readonly product: string | null
    readonly earlier: readonly Chargeable[]
    readonly within: readonly Chargeable[]
  }[]
}

/** What one model of a part is charged. */
export interface ModelCharge {
  readonly provider: string | null
  readonly model: string | null
  readonly amount: Decimal
}

export interface PricedPart {
  /** Their sum is F(earlier + within) − F(earlier) of all meters, to the last digit. */
  readonly charges: readonly ModelCharge[]
  readonly adjustments: Decimal
}

interface MeterSums {
  earlier: Decimal
  within: Decimal
  readonly models: Map<string, { provider: string | null; model: string | null; quantity: Decimal }>
}

/**
 * Prices usage that was added up, by what rates events: the same meters, filters, curves and end of the period. What a
 * meter charges is split among its models by their quantities, as the order of events within a tier is nobody's merit.
 */
export function pricePart({ plan, due, scopes }: CountedPart): PricedPart {
  const meters = new Map<number, MeterSums>()
  for (const scope of scopes) {
    for (const { meterNo, quantity } of chargesOf(plan, scope.earlier, scope)) {
      const sums = openMeter(meters, meterNo)
      sums.earlier = sums.earlier.plus(quantity)
    }
    for (const charge of chargesOf(plan, scope.within, scope)) addWithin(meters, charge)
  }
  const charges = [...meters].flatMap(([meterNo, { earlier, within, models }]) => {
    const amount = priceOfStep(curveOf(plan, meterNo), earlier, earlier.plus(within))
    return split(amount, within, [...models.values()])
  })
  const totals = [...meters].map(([meterNo, { earlier, within }]) => ({
    meterNo,
    quantity: earlier.plus(within),
  }))
  const adjustments = due === null ? [] : periodTotal(plan, totals, due).adjustments
  return { charges, adjustments: adjustments.reduce((sum, { amount }) => sum.plus(amount), ZERO) }
}

function openMeter(meters: Map<number, MeterSums>, meterNo: number): MeterSums {
  let sums = meters.get(meterNo)
  if (!sums) {
    sums = { earlier: ZERO, within: ZERO, models: new Map() }
    meters.set(meterNo, sums)
  }
  return sums
}

function addWithin(meters: Map<number, MeterSums>, { meterNo, provider, model, quantity }: Charge): void {
  const sums = openMeter(meters, meterNo)
  sums.within = sums.within.plus(quantity)
  const name = nameOf(provider, model)
  const before = sums.models.get(name)?.quantity ?? ZERO
  sums.models.set(name, { provider, model, quantity: before.plus(quantity) })
}

/** The last has what rounding leaves, so that the parts are the amount. */
function split(
  amount: Decimal,
  whole: Decimal,
  models: readonly {
    readonly provider: string | null
    readonly model: string | null
    readonly quantity: Decimal
  }[],
): readonly ModelCharge[] {
  if (amount.isZero()) return []
  if (whole.isZero()) return [{ provider: null, model: null, amount }]
  let left = amount
  return models.map(({ provider, model, quantity }, no) => {
    const share = no === models.length - 1 ? left : toMoneyScale(amount.mul(quantity).div(whole))
    left = left.minus(share)
    return { provider, model, amount: share }
  })
}

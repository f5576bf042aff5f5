import { Decimal, toMoneyScale, ZERO } from '../../core/money.ts'
import type { Plan } from '../../core/plan.ts'
import type { PeriodAdjustment } from '../../core/quote.ts'
import { capacityPrice } from './capacity.ts'
import { curveOf } from './curve.ts'
import { prorate, type Segment } from './proration.ts'

/** What a meter counted in a period. Meters that are not named counted nothing. */
export interface MeterTotal {
  readonly meterNo: number
  readonly quantity: Decimal
}

/** What a period comes to: Σ of the charges of its events, then what is only known at its end. */
export interface PeriodTotal {
  /** F of each meter of the plan, in the plan's order. */
  readonly charges: readonly Decimal[]
  readonly adjustments: readonly PeriodAdjustment[]
  readonly price: Decimal
}

/**
 * The charges of a period's events, and what is due beside them, in the order in which it is reckoned: amounts that are due
 * without usage, fees cut to the days of the segment, the capacity, the commitment (what is used beyond it at another
 * price, what is lacking), then the maximum, then the minimum. All of it follows from the totals, so a late event changes
 * it by the difference of two calls.
 *
 * @param segment the part of the period that the totals are of; default: the whole
 */
export function periodTotal(
  plan: Plan,
  totals: readonly MeterTotal[],
  segment: Segment = WHOLE,
): PeriodTotal {
  const charges = plan.meters.map((_, no) => curveOf(plan, no).priceOf(quantityOf(totals, no)))
  const adjustments: PeriodAdjustment[] = []
  let price = charges.reduce((sum, charge) => sum.plus(charge), ZERO)
  const adjust = (kind: PeriodAdjustment['kind'], meterNo: number | null, amount: Decimal) => {
    if (amount.isZero()) return
    adjustments.push({ kind, meterNo, amount })
    price = price.plus(amount)
  }
  const share = (amount: string) =>
    plan.proration === 'none' ? new Decimal(amount) : prorate(new Decimal(amount), segment)
  plan.meters.forEach((_, no) => {
    adjust('standing', no, curveOf(plan, no).standing)
  })
  plan.meters.forEach((meter, no) => {
    const fee = curveOf(plan, no).standing.plus(charges[no]!)
    if (meter.model === 'flat') adjust('proration', no, share(fee.toFixed()).minus(fee))
  })
  adjust('capacity', null, share(capacityPrice(plan, totals).toFixed()))
  if (plan.commitment) {
    const { amount, true_up = true, overage_factor = '1' } = plan.commitment
    const beyond = price.minus(share(amount))
    const surcharge = new Decimal(overage_factor).minus(1)
    if (beyond.greaterThan(0)) adjust('commitment_overage', null, toMoneyScale(beyond.mul(surcharge)))
    else if (true_up) adjust('commitment_true_up', null, beyond.neg())
  }
  const over = plan.maximum === undefined ? ZERO : price.minus(share(plan.maximum))
  if (over.greaterThan(0)) adjust('maximum', null, over.neg())
  const under = share(plan.minimum ?? '0').minus(price)
  if (plan.minimum !== undefined && under.greaterThan(0)) adjust('minimum', null, under)
  return { charges, adjustments, price }
}

const WHOLE: Segment = { fromDay: 0, toDay: 1, days: 1 }

function quantityOf(totals: readonly MeterTotal[], meterNo: number): Decimal {
  return totals.find((total) => total.meterNo === meterNo)?.quantity ?? ZERO
}

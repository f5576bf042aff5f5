import { roundToCurrency } from '../../core/currency.ts'
import { Decimal, toMoneyScale, ZERO } from '../../core/money.ts'
import type { MeterFilter, Plan } from '../../core/plan.ts'
import type { PeriodAdjustment, Quote, QuoteLine, QuoteRequest } from '../../core/quote.ts'
import { type Charge, chargesOf } from './charge.ts'
import { curveOf, priceOfStep } from './curve.ts'
import { type MeterTotal, type PeriodTotal, periodTotal } from './period-adjustments.ts'
import { type StatedQuantity, statedQuantities } from './stated.ts'

/**
 * Prices usage that nobody has used, by what rates events: the same meters, the same curves, the same end of the
 * period.
 *
 * @throws AforoError `invalid_argument` where a part of a quantity is more than the whole
 */
export function quote(request: QuoteRequest): Quote {
  const { plan, of, before } = request
  const stated = statedQuantities(request)
  const found = stated.map((each) => ({ ...each, charges: chargesFor(plan, each, of) }))
  const lines = linesOf(
    plan,
    found.flatMap(({ charges }) => charges),
    before ?? [],
  )
  const after = periodTotal(plan, totalsAfter(before ?? [], lines))
  const earlier = before && periodTotal(plan, before)
  const price = earlier ? after.price.minus(earlier.price) : after.price
  const invoiced = invoicedOf(plan, after).minus(earlier ? invoicedOf(plan, earlier) : 0)
  const charged = lines.reduce((sum, line) => sum.plus(line.amount), ZERO)
  return {
    price,
    invoiced,
    credits: plan.credit_rate === undefined ? null : toMoneyScale(charged.div(new Decimal(plan.credit_rate))),
    lines,
    adjustments: difference(after.adjustments, earlier?.adjustments ?? []),
    uncharged: found
      .filter(({ charges }) => charges.length === 0)
      .map(({ meter, chargeable }) => ({ meter, quantity: chargeable.quantity })),
  }
}

function chargesFor(
  plan: Plan,
  { chargeable, unstated }: StatedQuantity,
  of: MeterFilter,
): readonly Charge[] {
  const meters = plan.meters.map((meter) => ({ ...meter, filter: without(meter.filter, unstated) }))
  const scope = { agent: of.agent ?? null, product: of.product ?? null }
  return chargesOf({ ...plan, meters }, [chargeable], scope)
}

function without(filter: MeterFilter | undefined, fields: readonly (keyof MeterFilter)[]): MeterFilter {
  return Object.fromEntries(
    Object.entries(filter ?? {}).filter(([field]) => !fields.includes(field as keyof MeterFilter)),
  )
}

function linesOf(
  plan: Plan,
  charges: readonly Charge[],
  before: readonly MeterTotal[],
): readonly QuoteLine[] {
  return plan.meters.flatMap(({ meter }, meterNo) => {
    const own = charges.filter((charge) => charge.meterNo === meterNo)
    if (own.length === 0) return []
    const quantity = own.reduce((sum, charge) => sum.plus(charge.quantity), ZERO)
    const from = before.find((total) => total.meterNo === meterNo)?.quantity ?? ZERO
    const amount = priceOfStep(curveOf(plan, meterNo), from, from.plus(quantity))
    return [{ meterNo, meter, quantity, from, amount }]
  })
}

function totalsAfter(before: readonly MeterTotal[], lines: readonly QuoteLine[]): readonly MeterTotal[] {
  const totals = new Map(before.map(({ meterNo, quantity }) => [meterNo, quantity]))
  for (const { meterNo, from, quantity } of lines) totals.set(meterNo, from.plus(quantity))
  return [...totals].map(([meterNo, quantity]) => ({ meterNo, quantity }))
}

function invoicedOf(plan: Plan, { charges, adjustments }: PeriodTotal): Decimal {
  const amounts = [...charges, ...adjustments.map(({ amount }) => amount)]
  return amounts.reduce((sum, amount) => sum.plus(roundToCurrency(amount, plan.currency)), ZERO)
}

/** The adjustments that make `after` of `before`, those first that are due first. */
function difference(
  after: readonly PeriodAdjustment[],
  before: readonly PeriodAdjustment[],
): readonly PeriodAdjustment[] {
  const nameOf = ({ kind, meterNo }: PeriodAdjustment) => `${kind} ${meterNo}`
  const sums = new Map(after.map((adjustment) => [nameOf(adjustment), adjustment]))
  for (const earlier of before) {
    const amount = (sums.get(nameOf(earlier))?.amount ?? ZERO).minus(earlier.amount)
    sums.set(nameOf(earlier), { ...earlier, amount })
  }
  return [...sums.values()].filter(({ amount }) => !amount.isZero())
}

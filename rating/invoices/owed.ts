import { AforoError } from '../../core/errors.ts'
import type { InvoiceLineKind } from '../../core/invoice.ts'
import { Decimal, decimalText, toMoneyScale, ZERO } from '../../core/money.ts'
import type { Meter, Plan } from '../../core/plan.ts'
import { type MeterTotal, periodTotal } from '../plans/period-adjustments.ts'
import type { Part, Unit } from './calendar.ts'

/** What a meter of a plan version counted and was charged in a unit, of one model and tool; Σ of its price lines. */
export interface UsageSum {
  readonly planId: string
  readonly version: number
  readonly meterNo: number
  readonly meter: Meter
  readonly provider: string | null
  readonly model: string | null
  readonly tool: string | null
  readonly quantity: Decimal
  readonly amount: Decimal
}

/** Credits that the events of a unit took, by what they were taken from. */
export interface CreditSum {
  readonly planId: string
  readonly version: number
  readonly promo: Decimal
  readonly paid: Decimal
  readonly overage: Decimal
}

/** Money: all that is owed, and what of it promotional and paid credits have paid. Exact. */
export interface Amounts {
  readonly gross: Decimal
  readonly promo: Decimal
  readonly paid: Decimal
}

export const NOTHING: Amounts = { gross: ZERO, promo: ZERO, paid: ZERO }

export function plus(a: Amounts, b: Amounts): Amounts {
  return { gross: a.gross.plus(b.gross), promo: a.promo.plus(b.promo), paid: a.paid.plus(b.paid) }
}

export function minus(a: Amounts, b: Amounts): Amounts {
  return { gross: a.gross.minus(b.gross), promo: a.promo.minus(b.promo), paid: a.paid.minus(b.paid) }
}

export function isNothing({ gross, promo, paid }: Amounts): boolean {
  return gross.isZero() && promo.isZero() && paid.isZero()
}

/** A line before it is rounded and worded. Instants are milliseconds since 1970. */
export interface ExactLine {
  readonly kind: InvoiceLineKind
  readonly plan: { readonly planId: string; readonly version: number; readonly body: Plan } | null
  readonly meterNo: number | null
  readonly meter: Meter | null
  readonly provider: string | null
  readonly model: string | null
  readonly tool: string | null
  readonly quantity: Decimal | null
  readonly exact: Decimal
  readonly from: number
  readonly to: number
  /** Whether credits pay for it: then what they paid is the share of this line, to the last cent. */
  readonly byCredits: boolean
  /** Of a late line: the number of the invoice of that period. */
  readonly refersTo: string | null
}

/** What a unit comes to. */
export interface Owed extends Amounts {
  readonly lines: readonly ExactLine[]
}

/** All that is known of a unit. */
export interface UnitBooks {
  readonly unit: Unit
  readonly parts: readonly Part[]
  readonly usage: readonly UsageSum[]
  readonly credits: readonly CreditSum[]
}

/**
 * What a unit owes in a currency: the charges of its events, what is due at the period's end for each part of it, and
 * what credits beyond the grants cost above the plan's rate.
 *
 * @throws AforoError `conflict` where charges are not F of what was counted: the books are broken
 */
export function owedOf(
  books: UnitBooks,
  planOf: (planId: string, version: number) => Plan,
  currency: string,
): Owed {
  const lines = versionsOf(books).flatMap(({ planId, version, part, hasDays }) => {
    const body = planOf(planId, version)
    if (body.currency !== currency) return []
    const isOf = (sum: { planId: string; version: number }) =>
      sum.planId === planId && sum.version === version
    const usage = books.usage.filter(isOf)
    const credits = books.credits.find(isOf)
    return partLines({ plan: { planId, version, body }, part, hasDays, usage, credits })
  })
  const credits = { promo: ZERO, paid: ZERO }
  for (const { planId, version, promo, paid } of books.credits) {
    const { currency: of, credit_rate: rate = '0' } = planOf(planId, version)
    if (of !== currency) continue
    credits.promo = credits.promo.plus(toMoneyScale(promo.mul(new Decimal(rate))))
    credits.paid = credits.paid.plus(toMoneyScale(paid.mul(new Decimal(rate))))
  }
  return { lines, gross: lines.reduce((sum, { exact }) => sum.plus(exact), ZERO), ...credits }
}

interface VersionPart {
  readonly planId: string
  readonly version: number
  readonly part: Part
  readonly hasDays: boolean
}

/** Versions with a part of the period, then those that are only charged: an event keeps the version it was charged by. */
function versionsOf({ unit, parts, usage, credits }: UnitBooks): readonly VersionPart[] {
  const { term, period } = unit
  const { planId: own } = term
  const found = parts.map(
    (part): VersionPart => ({
      planId: own,
      version: part.version,
      part,
      hasDays: true,
    }),
  )
  const counted = usage.filter(({ quantity, amount }) => !quantity.isZero() || !amount.isZero())
  for (const { planId, version } of [...counted, ...credits]) {
    if (found.some((each) => each.planId === planId && each.version === version)) continue
    const segment = { fromDay: 0, toDay: 0, days: parts[0]?.segment.days ?? 1 }
    const part = { version, from: period.start, to: period.end, segment }
    found.push({ planId, version, part, hasDays: false })
  }
  return found
}

interface PartBooks {
  readonly plan: NonNullable<ExactLine['plan']>
  readonly part: Part
  readonly hasDays: boolean
  readonly usage: readonly UsageSum[]
  readonly credits: CreditSum | undefined
}

function partLines({ plan, part, hasDays, usage, credits }: PartBooks): readonly ExactLine[] {
  const { body } = plan
  const byCredits = body.bill_as === 'credits' && body.credit_rate !== undefined
  const { from, to } = part
  const whole = { provider: null, model: null, tool: null, quantity: null, from, to, refersTo: null }
  const totals = totalsOf(usage)
  // What has no days of the period owes none of its fees, whatever part of a period owes.
  const terms: Plan = hasDays ? body : { ...body, proration: 'day' }
  const { charges, adjustments } = periodTotal(terms, totals, part.segment)
  refuseBrokenBooks(plan, usage, charges)
  const lines: ExactLine[] = usage
    .filter(({ quantity, amount }) => !quantity.isZero() || !amount.isZero())
    .map(({ planId: _plan, version: _version, amount, ...sum }) => ({
      ...whole,
      ...sum,
      kind: 'usage' as const,
      plan,
      exact: amount,
      byCredits,
    }))
    .sort(compareLines)
  for (const { kind, meterNo, amount } of adjustments) {
    const meter = meterNo === null ? null : body.meters[meterNo]!.meter
    lines.push({ ...whole, kind, plan, meterNo, meter, exact: amount, byCredits: false })
  }
  const rate = new Decimal(body.credit_rate ?? 0)
  const surcharge = new Decimal(body.overage?.unit_price ?? rate).minus(rate)
  const beyond = toMoneyScale((credits?.overage ?? ZERO).mul(surcharge))
  if (byCredits && !beyond.isZero()) {
    const quantity = credits!.overage
    lines.push({
      ...whole,
      quantity,
      kind: 'overage',
      plan,
      meterNo: null,
      meter: null,
      exact: beyond,
      byCredits: false,
    })
  }
  return lines
}

function totalsOf(usage: readonly UsageSum[]): readonly MeterTotal[] {
  const totals = new Map<number, Decimal>()
  for (const { meterNo, quantity } of usage) totals.set(meterNo, quantity.plus(totals.get(meterNo) ?? ZERO))
  return [...totals].map(([meterNo, quantity]) => ({ meterNo, quantity }))
}

function refuseBrokenBooks(
  { planId, version, body }: PartBooks['plan'],
  usage: readonly UsageSum[],
  charges: readonly Decimal[],
): void {
  body.meters.forEach((_, no) => {
    const charged = usage
      .filter(({ meterNo }) => meterNo === no)
      .reduce((sum, { amount }) => sum.plus(amount), ZERO)
    if (charged.equals(charges[no]!)) return
    const of = `meter ${no} of plan ${planId} version ${version}`
    const sums = `${decimalText(charged)}, and F of what it counted is ${decimalText(charges[no]!)}`
    throw new AforoError('conflict', `price lines of ${of} come to ${sums}: see aforo audit`)
  })
}

function compareLines(a: ExactLine, b: ExactLine): number {
  return (
    a.meterNo! - b.meterNo! ||
    compareText(a.provider, b.provider) ||
    compareText(a.model, b.model) ||
    compareText(a.tool, b.tool)
  )
}

function compareText(a: string | null, b: string | null): number {
  if (a === b) return 0
  return (a ?? '') < (b ?? '') ? -1 : 1
}

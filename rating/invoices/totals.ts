import { currencyExponent, roundToCurrency } from '../../core/currency.ts'
import { Decimal, ZERO } from '../../core/money.ts'
import { type Amounts, type ExactLine, NOTHING, plus } from './owed.ts'

/** Lines with what credits paid of them. */
export interface Bill {
  readonly lines: readonly ExactLine[]
  readonly credits: Pick<Amounts, 'promo' | 'paid'>
}

/** The sums of an invoice. All but the exact ones are amounts of the currency. */
export interface Totals {
  /** Each line rounded, in order. */
  readonly amounts: readonly Decimal[]
  readonly exact: Decimal
  readonly residual: Decimal
  readonly subtotal: Decimal
  readonly discount: Decimal
  readonly taxable: Decimal
  readonly tax: Decimal
  readonly total: Decimal
  readonly creditsApplied: Decimal
  readonly due: Decimal
}

/**
 * Rounds each line once and adds up: promotional credits are a discount and lower what is taxed, paid ones are a
 * payment and do not. What credits paid is a share of the rounded lines that they paid for, so that usage which was
 * paid to the last credit leaves nothing due.
 */
export function totalsOf({ lines, credits }: Bill, currency: string, taxRatePct: string): Totals {
  const amounts = lines.map(({ exact }) => roundToCurrency(exact, currency))
  const sum = (values: readonly Decimal[]) => values.reduce((a, b) => a.plus(b), ZERO)
  const exact = sum(lines.map((line) => line.exact))
  const subtotal = sum(amounts)
  const backed = lines.flatMap((line, no) => (line.byCredits ? [{ line, amount: amounts[no]! }] : []))
  const rest = sum(backed.map(({ line }) => line.exact))
    .minus(credits.promo)
    .minus(credits.paid)
  const whole = sum(backed.map(({ amount }) => amount))
  const [discount, creditsApplied] = allocate(
    [credits.promo, credits.paid, rest],
    whole,
    currencyExponent(currency),
  )
  const taxable = subtotal.minus(discount!)
  const tax = roundToCurrency(taxable.mul(new Decimal(taxRatePct)).div(100), currency)
  const total = taxable.plus(tax)
  return {
    amounts,
    exact,
    residual: exact.minus(subtotal),
    subtotal,
    discount: discount!,
    taxable,
    tax,
    total,
    creditsApplied: creditsApplied!,
    due: total.minus(creditsApplied!),
  }
}

/**
 * Divides a rounded whole into rounded parts that are near to the exact ones and add up to it: what rounding made of
 * the whole is spread in proportion, the last units by the largest remainder. A part of nothing gets nothing.
 */
function allocate(exact: readonly Decimal[], whole: Decimal, exponent: number): readonly Decimal[] {
  const magnitude = exact.reduce((sum, part) => sum.plus(part.abs()), ZERO)
  if (magnitude.isZero()) return exact.map(() => ZERO)
  const off = whole.minus(exact.reduce((sum, part) => sum.plus(part), ZERO))
  const wanted = exact.map((part) => part.plus(off.mul(part.abs()).div(magnitude)))
  const parts = wanted.map((part) => part.toDecimalPlaces(exponent, Decimal.ROUND_FLOOR))
  const unit = new Decimal(10).pow(-exponent)
  const left = whole
    .minus(parts.reduce((sum, part) => sum.plus(part), ZERO))
    .div(unit)
    .round()
  const order = wanted
    .map((part, no) => ({ no, remainder: part.minus(parts[no]!) }))
    .sort((a, b) => b.remainder.comparedTo(a.remainder) || a.no - b.no)
  for (let given = 0; left.greaterThan(given); given++) {
    const { no } = order[given % order.length]!
    parts[no] = parts[no]!.plus(unit)
  }
  return parts
}

/** What became of a period after it was invoiced, all of its units together. */
export interface LateChange {
  readonly line: ExactLine
  readonly change: Amounts
}

/**
 * What goes on the invoice, and what on a credit note beside it. Changes in favour of the customer, late ones and what
 * others had billed of the period, are set off against what the invoice bills, unless that would leave less than nothing
 * to pay: then the late ones go on a note, and where that is not enough all of them.
 */
export function divide<Before extends LateChange, Late extends LateChange>(
  period: Bill,
  before: readonly Before[],
  late: readonly Late[],
  currency: string,
  taxRatePct: string,
): { readonly invoice: Divided<Before, Late>; readonly creditNote: Divided<Before, Late> } {
  const isLess = (changes: readonly LateChange[]) => {
    const { total, due } = totalsOf(together(period, changes), currency, taxRatePct)
    return total.isNegative() || due.isNegative()
  }
  const nothing = { before: [], late: [] }
  if (!isLess([...before, ...late])) return { invoice: { before, late }, creditNote: nothing }
  const isCredit = ({ change }: LateChange) => change.gross.isNegative()
  const more = late.filter((each) => !isCredit(each))
  const less = late.filter(isCredit)
  if (less.length > 0 && !isLess([...before, ...more]))
    return { invoice: { before, late: more }, creditNote: { before: [], late: less } }
  return { invoice: { before: [], late: more }, creditNote: { before, late: less } }
}

/** Changes that stand on one document. */
export interface Divided<Before, Late> {
  readonly before: readonly Before[]
  readonly late: readonly Late[]
}

/** A bill with late changes on it. */
export function together({ lines, credits }: Bill, late: readonly LateChange[]): Bill {
  const changes = late.reduce((sum, { change }) => plus(sum, change), NOTHING)
  return {
    lines: [...lines, ...late.map(({ line }) => line)],
    credits: { promo: credits.promo.plus(changes.promo), paid: credits.paid.plus(changes.paid) },
  }
}

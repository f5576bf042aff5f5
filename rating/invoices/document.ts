import { currencyExponent } from '../../core/currency.ts'
import {
  type InvoiceDocument,
  type InvoiceKind,
  type InvoiceLine,
  type InvoiceWarning,
  PAYMENT_DAYS_DEFAULT,
} from '../../core/invoice.ts'
import { type Decimal, decimalText } from '../../core/money.ts'
import type { Period } from '../period.ts'
import type { Parties } from './customer-books.ts'
import type { ExactLine } from './owed.ts'
import { type Bill, totalsOf } from './totals.ts'
import { describe, pricingOf, UNITS } from './words.ts'

/** What an invoice is made of, beside its lines. Instants are milliseconds since 1970. */
export interface DocumentHead {
  readonly kind: InvoiceKind
  readonly number: string | null
  readonly beside: string | null
  readonly customer: string
  readonly parties: Parties
  readonly currency: string
  readonly period: Period
  readonly timezone: string
  readonly cutoff: number | null
  readonly issuedAt: number | null
  readonly warnings: readonly InvoiceWarning[]
}

const DAY_MS = 86_400_000

/** The document of a bill: its lines rounded and worded, its sums, who it is from and to. */
export function documentOf(head: DocumentHead, bill: Bill): InvoiceDocument {
  const { parties, currency, period, issuedAt } = head
  const { seller } = parties
  const taxRatePct = parties.taxRatePct ?? '0'
  const totals = totalsOf(bill, currency, taxRatePct)
  const days = seller?.payment_days ?? PAYMENT_DAYS_DEFAULT
  const exponent = currencyExponent(currency)
  const money = (amount: Decimal) => amount.toFixed(exponent)
  return {
    kind: head.kind,
    number: head.number,
    beside: head.beside,
    customer: head.customer,
    seller: {
      name: seller?.name ?? null,
      address: seller?.address ?? null,
      tax_id: seller?.tax_id ?? null,
    },
    buyer: { name: parties.name, address: parties.address, tax_id: parties.taxId },
    currency,
    period_from: rfc3339Millis(period.start),
    period_to: rfc3339Millis(period.end),
    timezone: head.timezone,
    cutoff: head.cutoff === null ? null : rfc3339Millis(head.cutoff),
    issued_at: issuedAt === null ? null : rfc3339Millis(issuedAt),
    due_at: issuedAt === null ? null : rfc3339Millis(issuedAt + days * DAY_MS),
    lines: bill.lines.map((line, no) => lineOf(line, no + 1, totals.amounts[no]!, money)),
    amount_exact: decimalText(totals.exact),
    residual: decimalText(totals.residual),
    subtotal: money(totals.subtotal),
    discount: money(totals.discount),
    taxable: money(totals.taxable),
    tax_label: parties.taxLabel ?? 'Tax',
    tax_rate_pct: taxRatePct,
    tax: money(totals.tax),
    total: money(totals.total),
    credits_applied: money(totals.creditsApplied),
    amount_due: money(totals.due),
    warnings: head.warnings,
  }
}

function lineOf(
  line: ExactLine,
  no: number,
  amount: Decimal,
  money: (amount: Decimal) => string,
): InvoiceLine {
  const { plan, meter, quantity, exact } = line
  const about = line.refersTo === null ? '' : ` ${line.refersTo}`
  return {
    line_no: no,
    kind: line.kind,
    description: `${describe(line)}${about}`,
    pricing: pricingOf(line),
    plan: plan?.planId ?? null,
    plan_version: plan?.version ?? null,
    meter_no: line.meterNo,
    meter,
    provider: line.provider,
    model: line.model,
    tool: line.tool,
    quantity: quantity && decimalText(quantity),
    unit: line.kind === 'overage' ? 'credit' : line.kind === 'usage' && meter ? UNITS[meter] : null,
    amount_exact: decimalText(exact),
    amount: money(amount),
    residual: decimalText(exact.minus(amount)),
    period_from: rfc3339Millis(line.from),
    period_to: rfc3339Millis(line.to),
    refers_to: line.refersTo,
  }
}

function rfc3339Millis(millis: number): string {
  return new Date(millis).toISOString()
}

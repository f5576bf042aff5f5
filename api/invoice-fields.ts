import { z } from 'zod'
import {
  INVOICE_KINDS,
  INVOICE_LINE_KINDS,
  INVOICE_STATUSES,
  type InvoiceDocument,
  type InvoiceStatus,
} from '../core/invoice.ts'
import { decimal } from './fields.ts'
import { rfc3339OfDatabase } from './instant.ts'
import type { InvoiceRow } from './queries/invoices.ts'

const time = z.iso.datetime()
const text = z.string().nullable()
const party = z.object({ name: text, address: text, tax_id: text })

const lineFields = z.object({
  line_no: z.int(),
  kind: z.enum(INVOICE_LINE_KINDS),
  description: z.string(),
  pricing: text.describe('how it was counted: the price of the plan’s meter, or the term of the plan'),
  plan: text,
  plan_version: z.int().nullable(),
  meter_no: z.int().nullable(),
  meter: text,
  provider: text,
  model: text,
  tool: text,
  quantity: decimal.nullable(),
  unit: text,
  amount_exact: decimal.describe('before rounding'),
  amount: decimal.describe('rounded once to the currency, half away from zero'),
  residual: decimal.describe('amount_exact less amount'),
  period_from: time,
  period_to: time,
  refers_to: text.describe('of a late line: the number of the invoice of that period'),
})

/** An invoice in a list. */
export const invoiceSummaryFields = z.object({
  invoice_id: z.string(),
  kind: z.enum(INVOICE_KINDS),
  number: text,
  status: z.enum(INVOICE_STATUSES),
  customer: z.string(),
  currency: z.string(),
  period_from: time,
  period_to: time,
  subtotal: decimal,
  discount: decimal.describe('what promotional credits paid: it lowers what is taxed'),
  tax: decimal,
  total: decimal,
  credits_applied: decimal.describe('what paid credits paid: a payment, it does not lower what is taxed'),
  amount_due: decimal,
  due_at: time.nullable(),
  content_hash: text,
  recorded_at: time,
  finalized_at: time.nullable(),
  paid_at: time.nullable(),
  uncollectible_at: time.nullable(),
  voided_at: time.nullable(),
})

const documentFields = {
  beside: text.describe(
    'of a credit note: the number of the invoice it was made beside; null where it was made by itself',
  ),
  seller: party,
  buyer: party,
  timezone: z.string(),
  cutoff: time.nullable().describe('what was rated or posted before it is in; null: a draft'),
  issued_at: time.nullable(),
  lines: z.array(lineFields),
  amount_exact: decimal,
  residual: decimal.describe('Σ of what rounding the lines left over'),
  taxable: decimal,
  tax_label: z.string(),
  tax_rate_pct: decimal,
  warnings: z
    .array(z.object({ kind: z.string(), count: z.int(), scope: z.enum(['customer', 'tenant']) }))
    .describe('what of the period could not be billed yet'),
}

export const invoiceFields = invoiceSummaryFields.extend({
  ...documentFields,
  credit_note: z
    .object({ total: decimal, amount_due: decimal, lines: z.array(lineFields) })
    .nullable()
    .describe('of a draft: the credit note that finalising it would make beside it'),
})

/** A row as a list shows it. A row that is not final has no hash and is no more than it last came to. */
export function showSummary(row: InvoiceRow): z.infer<typeof invoiceSummaryFields> {
  return { ...statesOf(row), ...sumsOf(row.document) }
}

/** An invoice with its lines; `document` is what a draft comes to now. */
export function showInvoice(
  row: InvoiceRow,
  document: InvoiceDocument,
  creditNote: InvoiceDocument | null,
): z.infer<typeof invoiceFields> {
  const { lines, total, amount_due } = creditNote ?? { lines: [], total: '0', amount_due: '0' }
  return {
    ...statesOf(row),
    ...document,
    lines: [...document.lines],
    warnings: [...document.warnings],
    credit_note: creditNote && { total, amount_due, lines: [...lines] },
  }
}

function statesOf(row: InvoiceRow) {
  const at = (instant: string | null) => instant && rfc3339OfDatabase(instant)
  return {
    invoice_id: row.invoiceId,
    status: row.status satisfies InvoiceStatus,
    content_hash: row.contentHash,
    recorded_at: rfc3339OfDatabase(row.recordedAt),
    finalized_at: at(row.finalizedAt),
    paid_at: at(row.paidAt),
    uncollectible_at: at(row.uncollectibleAt),
    voided_at: at(row.voidedAt),
  }
}

function sumsOf(document: InvoiceDocument) {
  const { kind, number, customer, currency, period_from, period_to, due_at } = document
  const { subtotal, discount, tax, total, credits_applied, amount_due } = document
  const sums = { subtotal, discount, tax, total, credits_applied, amount_due }
  return { kind, number, customer, currency, period_from, period_to, due_at, ...sums }
}

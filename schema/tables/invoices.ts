/** Invoices and credit notes, and what of each period they bill. */

import { sql } from 'drizzle-orm'
import { bigint, integer, jsonb, numeric, primaryKey, text } from 'drizzle-orm/pg-core'
import type { InvoiceDocument } from '../../core/invoice.ts'
import { instant, store } from './columns.ts'

const money = (name = '') => numeric(name, { precision: 38, scale: 18 })

export const invoiceSeries = store.table(
  'invoice_series',
  {
    tenantId: text('tenant_id').notNull(),
    kind: text().notNull(),
    lastNumber: bigint('last_number', { mode: 'bigint' }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.kind] })],
)

export const invoices = store.table(
  'invoices',
  {
    tenantId: text('tenant_id').notNull(),
    invoiceId: text('invoice_id').notNull(),
    kind: text().notNull(),
    status: text().notNull(),
    customerId: text('customer_id').notNull(),
    currency: text().notNull(),
    periodFrom: instant('period_from').notNull(),
    periodTo: instant('period_to').notNull(),
    number: bigint({ mode: 'bigint' }),
    cutoff: instant(),
    amountExact: money('amount_exact').notNull(),
    subtotal: money().notNull(),
    discount: money().notNull(),
    tax: money().notNull(),
    total: money().notNull(),
    creditsApplied: money('credits_applied').notNull(),
    amountDue: money('amount_due').notNull(),
    document: jsonb().$type<InvoiceDocument>().notNull(),
    contentHash: text('content_hash'),
    recordedAt: instant('recorded_at').notNull(),
    finalizedAt: instant('finalized_at'),
    paidAt: instant('paid_at'),
    uncollectibleAt: instant('uncollectible_at'),
    voidedAt: instant('voided_at'),
    series: bigint({ mode: 'bigint' }).generatedAlwaysAs(sql`a hash, see the migration`).notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.invoiceId] })],
)

export const invoiceLines = store.table(
  'invoice_lines',
  {
    tenantId: text('tenant_id').notNull(),
    invoiceId: text('invoice_id').notNull(),
    lineNo: integer('line_no').notNull(),
    kind: text().notNull(),
    planId: text('plan_id'),
    planVersion: integer('plan_version'),
    meterNo: integer('meter_no'),
    meter: text(),
    provider: text(),
    model: text(),
    tool: text(),
    quantity: money(),
    unit: text(),
    amountExact: money('amount_exact').notNull(),
    amount: money().notNull(),
    residual: money().notNull(),
    periodFrom: instant('period_from').notNull(),
    periodTo: instant('period_to').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.invoiceId, t.lineNo] })],
)

export const invoicePeriods = store.table(
  'invoice_periods',
  {
    tenantId: text('tenant_id').notNull(),
    invoiceId: text('invoice_id').notNull(),
    subscriptionId: bigint('subscription_id', { mode: 'bigint' }).notNull(),
    periodStart: instant('period_start').notNull(),
    owed: money().notNull(),
    owedPromo: money('owed_promo').notNull(),
    owedPaid: money('owed_paid').notNull(),
    before: money().notNull(),
    beforePromo: money('before_promo').notNull(),
    beforePaid: money('before_paid').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.invoiceId, t.subscriptionId, t.periodStart] })],
)

/** What catalogues said, what was proposed of it and decided, and what back-dated prices make of booked costs. */

import { bigint, boolean, integer, jsonb, numeric, primaryKey, text } from 'drizzle-orm/pg-core'
import { instant, store } from './columns.ts'

export const priceImports = store.table('price_imports', {
  importId: bigint('import_id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
  source: text().notNull(),
  format: text().notNull(),
  sourceDigest: text('source_digest').notNull(),
  secondSource: text('second_source'),
  secondDigest: text('second_digest'),
  rowCount: integer('row_count').notNull(),
  isComplete: boolean('is_complete').notNull(),
  flags: jsonb().notNull(),
  refused: jsonb().notNull(),
  recordedAt: instant('recorded_at').notNull(),
})

export const priceProposals = store.table('price_proposals', {
  proposalId: bigint('proposal_id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
  importId: bigint('import_id', { mode: 'bigint' }).notNull(),
  kind: text().notNull(),
  provider: text().notNull(),
  model: text().notNull(),
  fingerprint: text().notNull(),
  changes: jsonb().notNull(),
  held: text().array().notNull(),
  cogsShare: numeric('cogs_share', { precision: 12, scale: 9 }).notNull(),
  effects: jsonb().notNull(),
  recordedAt: instant('recorded_at').notNull(),
})

export const priceDecisions = store.table(
  'price_decisions',
  {
    proposalId: bigint('proposal_id', { mode: 'bigint' }).notNull(),
    decisionNo: integer('decision_no').notNull(),
    decision: text().notNull(),
    decidedBy: text('decided_by').notNull(),
    reason: text(),
    priceRowIds: bigint('price_row_ids', { mode: 'bigint' }).array().notNull(),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.proposalId, t.decisionNo] })],
)

export const cogsAdjustments = store.table(
  'cogs_adjustments',
  {
    tenantId: text('tenant_id').notNull(),
    adjustmentId: bigint('adjustment_id', { mode: 'bigint' }).generatedAlwaysAsIdentity().notNull(),
    proposalId: bigint('proposal_id', { mode: 'bigint' }).notNull(),
    eventId: text('event_id').notNull(),
    revision: integer().notNull(),
    time: instant().notNull(),
    customerId: text('customer_id'),
    productId: text('product_id'),
    agent: text(),
    part: text().notNull(),
    provider: text(),
    model: text(),
    tool: text(),
    meter: text().notNull(),
    serviceTier: text('service_tier').notNull(),
    oldPriceRowId: bigint('old_price_row_id', { mode: 'bigint' }).notNull(),
    oldUnitPrice: numeric('old_unit_price', { precision: 30, scale: 15 }).notNull(),
    oldPer: bigint('old_per', { mode: 'bigint' }).notNull(),
    newPriceRowId: bigint('new_price_row_id', { mode: 'bigint' }).notNull(),
    newUnitPrice: numeric('new_unit_price', { precision: 30, scale: 15 }).notNull(),
    newPer: bigint('new_per', { mode: 'bigint' }).notNull(),
    currency: text().notNull(),
    priceDiscountId: bigint('price_discount_id', { mode: 'bigint' }),
    discountPct: numeric('discount_pct', { precision: 18, scale: 12 }),
    quantity: numeric({ precision: 38, scale: 9 }).notNull(),
    oldAmount: numeric('old_amount', { precision: 38, scale: 18 }).notNull(),
    newAmount: numeric('new_amount', { precision: 38, scale: 18 }).notNull(),
    delta: numeric({ precision: 38, scale: 18 }).notNull(),
    reason: text(),
    approver: text().notNull(),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.adjustmentId] })],
)

export const vendorBills = store.table(
  'vendor_bills',
  {
    tenantId: text('tenant_id').notNull(),
    billId: bigint('bill_id', { mode: 'bigint' }).generatedAlwaysAsIdentity().notNull(),
    provider: text().notNull(),
    model: text(),
    periodFrom: instant('period_from').notNull(),
    periodTo: instant('period_to').notNull(),
    usd: numeric({ precision: 38, scale: 18 }).notNull(),
    source: text().notNull(),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.billId] })],
)

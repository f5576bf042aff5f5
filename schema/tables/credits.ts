/** Credits: what was granted and where it went. */

import { bigint, integer, numeric, primaryKey, text } from 'drizzle-orm/pg-core'
import { instant, store } from './columns.ts'

export const creditWallets = store.table(
  'credit_wallets',
  {
    tenantId: text('tenant_id').notNull(),
    customerId: text('customer_id').notNull(),
    entries: bigint({ mode: 'bigint' }).default(0n).notNull(),
    recordedAt: instant('recorded_at'),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.customerId] })],
)

export const creditGrants = store.table(
  'credit_grants',
  {
    tenantId: text('tenant_id').notNull(),
    grantId: bigint('grant_id', { mode: 'bigint' }).generatedAlwaysAsIdentity().notNull(),
    customerId: text('customer_id').notNull(),
    kind: text().notNull(),
    amount: numeric({ precision: 38, scale: 18 }).notNull(),
    priority: integer().notNull(),
    effectiveAt: instant('effective_at'),
    expiresAt: instant('expires_at'),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.grantId] })],
)

export const creditBalances = store.table(
  'credit_balances',
  {
    tenantId: text('tenant_id').notNull(),
    customerId: text('customer_id').notNull(),
    account: text().notNull(),
    expiresAt: instant('expires_at'),
    input: numeric({ precision: 38, scale: 18 }).default('0').notNull(),
    output: numeric({ precision: 38, scale: 18 }).default('0').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.customerId, t.account] })],
)

export const creditTransactions = store.table(
  'credit_transactions',
  {
    tenantId: text('tenant_id').notNull(),
    customerId: text('customer_id').notNull(),
    transactionNo: bigint('transaction_no', { mode: 'bigint' }).notNull(),
    kind: text().notNull(),
    idempotencyKey: text('idempotency_key').notNull(),
    contentHash: text('content_hash').notNull(),
    effectiveAt: instant('effective_at').notNull(),
    recordedAt: instant('recorded_at').notNull(),
    eventId: text('event_id'),
    revision: integer(),
    eventTime: instant('event_time'),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.customerId, t.transactionNo] })],
)

export const creditPostings = store.table(
  'credit_postings',
  {
    tenantId: text('tenant_id').notNull(),
    customerId: text('customer_id').notNull(),
    entryNo: bigint('entry_no', { mode: 'bigint' }).notNull(),
    entryId: text('entry_id').notNull(),
    transactionNo: bigint('transaction_no', { mode: 'bigint' }).notNull(),
    source: text().notNull(),
    destination: text().notNull(),
    amount: numeric({ precision: 38, scale: 18 }).notNull(),
    reverses: bigint({ mode: 'bigint' }),
    balance: numeric({ precision: 38, scale: 18 }).notNull(),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.customerId, t.entryNo] })],
)

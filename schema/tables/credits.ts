/** Credits: what was granted and where it went. */

import { bigint, boolean, integer, numeric, primaryKey, text } from 'drizzle-orm/pg-core'
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
    subscriptionId: bigint('subscription_id', { mode: 'bigint' }),
    rule: text(),
    periodStart: instant('period_start'),
    rolled: boolean().default(false).notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.grantId] })],
)

export const creditVoids = store.table(
  'credit_voids',
  {
    tenantId: text('tenant_id').notNull(),
    grantId: bigint('grant_id', { mode: 'bigint' }).notNull(),
    customerId: text('customer_id').notNull(),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.grantId] })],
)

export const creditRefills = store.table(
  'credit_refills',
  {
    tenantId: text('tenant_id').notNull(),
    customerId: text('customer_id').notNull(),
    dueAt: instant('due_at').notNull(),
    notBefore: instant('not_before'),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.customerId] })],
)

export const creditTopUpRules = store.table(
  'credit_top_up_rules',
  {
    tenantId: text('tenant_id').notNull(),
    customerId: text('customer_id').notNull(),
    threshold: numeric({ precision: 38, scale: 18 }).notNull(),
    amount: numeric({ precision: 38, scale: 18 }).notNull(),
    requestsMax: integer('requests_max').notNull(),
    windowSeconds: integer('window_seconds').notNull(),
    cooldownSeconds: integer('cooldown_seconds').notNull(),
    checkAt: instant('check_at'),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.customerId] })],
)

export const creditTopUpRequests = store.table(
  'credit_top_up_requests',
  {
    tenantId: text('tenant_id').notNull(),
    customerId: text('customer_id').notNull(),
    requestNo: bigint('request_no', { mode: 'bigint' }).notNull(),
    requestId: text('request_id').notNull(),
    balance: numeric({ precision: 38, scale: 18 }).notNull(),
    threshold: numeric({ precision: 38, scale: 18 }).notNull(),
    amount: numeric({ precision: 38, scale: 18 }).notNull(),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.customerId, t.requestNo] })],
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

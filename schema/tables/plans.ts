/** Customers, plans, subscriptions and how much of a meter was used. */

import { bigint, integer, jsonb, numeric, primaryKey, text } from 'drizzle-orm/pg-core'
import type { Plan } from '../../core/plan.ts'
import { instant, store } from './columns.ts'

export const customers = store.table(
  'customers',
  {
    tenantId: text('tenant_id').notNull(),
    customerId: text('customer_id').notNull(),
    name: text(),
    recordedAt: instant('recorded_at').notNull(),
    address: text(),
    taxId: text('tax_id'),
    taxRatePct: numeric('tax_rate_pct', { precision: 9, scale: 6 }),
    taxLabel: text('tax_label'),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.customerId] })],
)

export const planVersions = store.table(
  'plan_versions',
  {
    tenantId: text('tenant_id').notNull(),
    planId: text('plan_id').notNull(),
    version: integer().notNull(),
    body: jsonb().$type<Plan>().notNull(),
    contentHash: text('content_hash').notNull(),
    effectiveFrom: instant('effective_from').notNull(),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.planId, t.version] })],
)

export const subscriptions = store.table(
  'subscriptions',
  {
    tenantId: text('tenant_id').notNull(),
    subscriptionId: bigint('subscription_id', { mode: 'bigint' }).generatedAlwaysAsIdentity().notNull(),
    customerId: text('customer_id').notNull(),
    planId: text('plan_id').notNull(),
    effectiveFrom: instant('effective_from').notNull(),
    timezone: text().notNull(),
    anchorDay: integer('anchor_day').notNull(),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.subscriptionId] })],
)

export const meterCounters = store.table(
  'meter_counters',
  {
    tenantId: text('tenant_id').notNull(),
    subscriptionId: bigint('subscription_id', { mode: 'bigint' }).notNull(),
    periodStart: instant('period_start').notNull(),
    planId: text('plan_id').notNull(),
    planVersion: integer('plan_version').notNull(),
    meterNo: integer('meter_no').notNull(),
    quantity: numeric({ precision: 38, scale: 18 }).default('0').notNull(),
    amount: numeric({ precision: 38, scale: 18 }).default('0').notNull(),
    ratedAt: instant('rated_at'),
  },
  (t) => [
    primaryKey({
      columns: [t.tenantId, t.subscriptionId, t.periodStart, t.planId, t.planVersion, t.meterNo],
    }),
  ],
)

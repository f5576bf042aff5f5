/** What a tenant decides. */

import { bigint, jsonb, primaryKey, text } from 'drizzle-orm/pg-core'
import type { Seller } from '../../core/invoice.ts'
import { instant, store } from './columns.ts'

export const tenantSettings = store.table(
  'tenant_settings',
  {
    tenantId: text('tenant_id').notNull(),
    mirrors: text().default('by_id_and_place').notNull(),
    recordedAt: instant('recorded_at').notNull(),
    seller: jsonb().$type<Seller>(),
  },
  (t) => [primaryKey({ columns: [t.tenantId] })],
)

export const providerSettings = store.table(
  'provider_settings',
  {
    tenantId: text('tenant_id').notNull(),
    provider: text().notNull(),
    settingId: bigint('setting_id', { mode: 'bigint' }).generatedAlwaysAsIdentity().notNull(),
    cogs: text().notNull(),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.provider, t.settingId] })],
)

export const productSettings = store.table(
  'product_settings',
  {
    tenantId: text('tenant_id').notNull(),
    productId: text('product_id').notNull(),
    settingId: bigint('setting_id', { mode: 'bigint' }).generatedAlwaysAsIdentity().notNull(),
    groupBy: text('group_by').notNull(),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.productId, t.settingId] })],
)

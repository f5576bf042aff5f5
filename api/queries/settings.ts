import { and, desc, eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'
import type { Seller } from '../../core/invoice.ts'
import { productSettings, providerSettings, tenantSettings } from '../../schema/tables.ts'

export type ProviderSettingRow = typeof providerSettings.$inferSelect
export type ProductSettingRow = typeof productSettings.$inferSelect

/** What the tenant has decided; undefined where it never decided anything. */
export async function readSettings(
  client: pg.PoolClient,
  tenantId: TenantId,
): Promise<typeof tenantSettings.$inferSelect | undefined> {
  const [row] = await drizzle(client)
    .select()
    .from(tenantSettings)
    .where(eq(tenantSettings.tenantId, tenantId))
  return row
}

/** Decides what is given, and keeps what is not. */
export async function putSettings(
  client: pg.PoolClient,
  tenantId: TenantId,
  decided: { readonly mirrors?: string | undefined; readonly seller?: Seller | undefined },
  now: Date,
): Promise<void> {
  const recordedAt = now.toISOString()
  await drizzle(client)
    .insert(tenantSettings)
    .values({ tenantId, ...decided, recordedAt })
    .onConflictDoUpdate({ target: tenantSettings.tenantId, set: { ...decided, recordedAt } })
}

/** What was decided last about each provider, by name; of one provider where one is named. */
export async function readProviders(
  client: pg.PoolClient,
  tenantId: TenantId,
  provider?: string,
): Promise<ProviderSettingRow[]> {
  return drizzle(client)
    .selectDistinctOn([providerSettings.provider])
    .from(providerSettings)
    .where(
      and(
        eq(providerSettings.tenantId, tenantId),
        provider === undefined ? undefined : eq(providerSettings.provider, provider),
      ),
    )
    .orderBy(providerSettings.provider, desc(providerSettings.settingId))
}

/** Decides anew what of a provider is COGS. What was decided before stays as a row. */
export async function addProvider(
  client: pg.PoolClient,
  tenantId: TenantId,
  provider: string,
  cogs: string,
  now: Date,
): Promise<ProviderSettingRow> {
  const [row] = await drizzle(client)
    .insert(providerSettings)
    .values({ tenantId, provider, cogs, recordedAt: now.toISOString() })
    .returning()
  return row!
}

/** What was decided last about each product, by name; of one product where one is named. */
export async function readProducts(
  client: pg.PoolClient,
  tenantId: TenantId,
  product?: string,
): Promise<ProductSettingRow[]> {
  return drizzle(client)
    .selectDistinctOn([productSettings.productId])
    .from(productSettings)
    .where(
      and(
        eq(productSettings.tenantId, tenantId),
        product === undefined ? undefined : eq(productSettings.productId, product),
      ),
    )
    .orderBy(productSettings.productId, desc(productSettings.settingId))
}

/** Decides anew what an event of a product is. What was decided before stays as a row. */
export async function addProduct(
  client: pg.PoolClient,
  tenantId: TenantId,
  productId: string,
  groupBy: string,
  now: Date,
): Promise<ProductSettingRow> {
  const [row] = await drizzle(client)
    .insert(productSettings)
    .values({ tenantId, productId, groupBy, recordedAt: now.toISOString() })
    .returning()
  return row!
}

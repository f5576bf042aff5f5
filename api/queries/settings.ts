import { and, desc, eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'
import { productSettings, providerSettings, tenantSettings } from '../../schema/tables.ts'

export type ProviderSettingRow = typeof providerSettings.$inferSelect
export type ProductSettingRow = typeof productSettings.$inferSelect

/** How mirrors are found; undefined where the tenant never decided. */
export async function readMirrors(client: pg.PoolClient, tenantId: TenantId): Promise<string | undefined> {
  const [row] = await drizzle(client)
    .select({ mirrors: tenantSettings.mirrors })
    .from(tenantSettings)
    .where(eq(tenantSettings.tenantId, tenantId))
  return row?.mirrors
}

export async function putMirrors(
  client: pg.PoolClient,
  tenantId: TenantId,
  mirrors: string,
  now: Date,
): Promise<void> {
  const decided = { mirrors, recordedAt: now.toISOString() }
  await drizzle(client)
    .insert(tenantSettings)
    .values({ tenantId, ...decided })
    .onConflictDoUpdate({ target: tenantSettings.tenantId, set: decided })
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

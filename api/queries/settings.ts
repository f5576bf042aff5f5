import { and, desc, eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'
import { providerSettings, tenantSettings } from '../../schema/tables.ts'

export type ProviderSettingRow = typeof providerSettings.$inferSelect

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

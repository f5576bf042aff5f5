import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'

/** Which of the tenants have calls compared by place too; all that did not decide otherwise. */
export async function readTenantsByPlace(
  client: pg.PoolClient,
  cuts: readonly { readonly trace: { readonly tenantId: TenantId } }[],
): Promise<(tenantId: TenantId) => boolean> {
  const tenants = [...new Set(cuts.map(({ trace }) => trace.tenantId))]
  const { rows } = await client.query<{ tenant_id: string }>({
    name: 'cut_tenant_rules',
    text: `select tenant_id from aforo_store.tenant_settings where tenant_id = any ($1) and mirrors = 'by_id'`,
    values: [tenants],
  })
  const byIdOnly = new Set(rows.map((row) => row.tenant_id))
  return (tenantId) => !byIdOnly.has(tenantId)
}

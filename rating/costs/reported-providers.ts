import type pg from 'pg'
import type { AssemblyDocument } from '../../core/assembly-document.ts'
import type { ClaimedRevision } from '../claim.ts'

/** Whether the cost that a provider's calls report is what a tenant takes for COGS. */
export type CountsReported = (tenantId: string, provider: string | null) => boolean

/** Reads what tenants decided; nothing is asked where no call of the batch reports a cost. */
export async function readReportedProviders(
  client: pg.PoolClient,
  events: readonly ClaimedRevision[],
): Promise<CountsReported> {
  const tenants = new Set(events.filter(reportsCost).map((event) => event.tenantId))
  if (tenants.size === 0) return () => false
  const { rows } = await client.query<{ tenant_id: string; provider: string; cogs: string }>({
    name: 'rating-provider-settings',
    text: `select distinct on (tenant_id, provider) tenant_id, provider, cogs
       from aforo_store.provider_settings
       where tenant_id = any ($1)
       order by tenant_id, provider, setting_id desc`,
    values: [[...tenants]],
  })
  const reported = new Set(
    rows.filter((row) => row.cogs === 'reported').map((row) => JSON.stringify([row.tenant_id, row.provider])),
  )
  return (tenantId, provider) => provider !== null && reported.has(JSON.stringify([tenantId, provider]))
}

function reportsCost(event: ClaimedRevision): boolean {
  return (event.document as AssemblyDocument).calls.some((call) => call.reportedCost !== null)
}

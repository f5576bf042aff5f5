import { createHash } from 'node:crypto'
import type pg from 'pg'
import type { AuditReport, AuditScope } from '../../core/audit.ts'
import { askForGaps } from '../../schema/gap-query.ts'
import { pagesOf } from '../../schema/pages.ts'

const PAGE_PLANS = 500

/** A hash as the API takes it of a plan's body; other ones were made by somebody else and cannot be judged. */
const SHA_256 = /^[0-9a-f]{64}$/

/**
 * Checks that no version of a plan was changed after it was made, and that none is missing.
 * @param customer only plans that this one is or was on
 */
export async function auditPlans(
  client: pg.PoolClient,
  { tenantId }: Pick<AuditScope, 'tenantId'>,
  report: AuditReport,
  customer: string | null = null,
): Promise<void> {
  const pages = pagesOf<{
    tenant_id: string
    plan_id: string
    version: number
    body: unknown
    content_hash: string
  }>(
    client,
    `select tenant_id, plan_id, version, body, content_hash from aforo_store.plan_versions
     where ${OF_CUSTOMER}`,
    [tenantId, customer],
    PAGE_PLANS,
  )
  for await (const plans of pages) {
    report.count('plans', plans.length)
    for (const { tenant_id: tenant, plan_id: plan, version, body, content_hash: hash } of plans) {
      if (!SHA_256.test(hash) || createHash('sha256').update(sortedJson(body)).digest('hex') === hash)
        continue
      const id = `${plan}/${version}`
      report.gap('plans', {
        kind: 'plan',
        tenantId: tenant,
        id,
        found: 'says something else than when it was made',
      })
    }
  }
  await askForGaps(client, { check: 'plans', text: MISSING, values: [tenantId, customer] }, report)
}

const OF_CUSTOMER = `($1::text is null or tenant_id = $1) and ($2::text is null or plan_id in (
  select plan_id from aforo_store.subscriptions where tenant_id = $1 and customer_id = $2))`

const MISSING = `
  select 'plan' as kind, tenant_id, plan_id as id,
    format('has %s versions, the newest is %s', count(*), max(version)) as found
  from aforo_store.plan_versions
  where ${OF_CUSTOMER}
  group by tenant_id, plan_id
  having count(*) <> max(version) or min(version) <> 1`

/** JSON with the keys of every object sorted. */
function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

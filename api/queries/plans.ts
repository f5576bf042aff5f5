import { createHash } from 'node:crypto'
import { and, desc, eq, gt, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type pg from 'pg'
import { canonicalJson } from '../../core/canonical-json.ts'
import { AforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import type { Plan } from '../../core/plan.ts'
import { planVersions } from '../../schema/tables.ts'
import { lockName } from './lock.ts'

export type PlanVersionRow = typeof planVersions.$inferSelect

/** A version of a plan; the newest where none is named. */
export async function readPlanVersion(
  client: pg.PoolClient,
  tenantId: TenantId,
  planId: string,
  version: number | undefined,
): Promise<PlanVersionRow | undefined> {
  const [row] = await drizzle(client)
    .select()
    .from(planVersions)
    .where(
      and(
        eq(planVersions.tenantId, tenantId),
        eq(planVersions.planId, planId),
        version === undefined ? undefined : eq(planVersions.version, version),
      ),
    )
    .orderBy(desc(planVersions.version))
    .limit(1)
  return row
}

/**
 * The version that counts at an instant: the latest to have begun, of two that began together the later; before the
 * first, the first. As the rating has it.
 */
export async function readPlanAt(
  client: pg.PoolClient,
  tenantId: TenantId,
  planId: string,
  at: string,
): Promise<PlanVersionRow | undefined> {
  const begun = sql`${planVersions.effectiveFrom} <= ${at}`
  const [row] = await drizzle(client)
    .select()
    .from(planVersions)
    .where(and(eq(planVersions.tenantId, tenantId), eq(planVersions.planId, planId)))
    .orderBy(
      desc(begun),
      desc(sql`case when ${begun} then ${planVersions.effectiveFrom} end`),
      sql`case when ${begun} then -${planVersions.version} else ${planVersions.version} end`,
    )
    .limit(1)
  return row
}

/** The newest version of each plan, in the order of their ids. */
export async function listPlans(
  client: pg.PoolClient,
  tenantId: TenantId,
  page: { after: string | null; rows: number },
): Promise<PlanVersionRow[]> {
  const id = sql`${planVersions.planId} collate "C"`
  return drizzle(client)
    .selectDistinctOn([id])
    .from(planVersions)
    .where(and(eq(planVersions.tenantId, tenantId), page.after === null ? undefined : gt(id, page.after)))
    .orderBy(id, desc(planVersions.version))
    .limit(page.rows)
}

/**
 * Adds a version that counts from an instant on, or from now, unless the newest one says the same already.
 * @throws AforoError `invalid_argument` where a version would begin in the past
 * @throws AforoError `conflict` where it is in another currency than the versions before
 */
export async function putPlan(
  client: pg.PoolClient,
  tenantId: TenantId,
  planId: string,
  plan: Plan,
  now: Date,
  from: string | undefined,
): Promise<{ row: PlanVersionRow; isNew: boolean }> {
  await lockName(client, ['plan', tenantId, planId])
  const contentHash = createHash('sha256').update(canonicalJson(plan)).digest('hex')
  const newest = await readPlanVersion(client, tenantId, planId, undefined)
  const begins = from === undefined || Date.parse(from) === Date.parse(newest?.effectiveFrom ?? '')
  if (newest?.contentHash === contentHash && begins) return { row: newest, isNew: false }
  if (from !== undefined && Date.parse(from) < now.getTime()) {
    const message = 'must not be in the past: usage since then was charged'
    throw new AforoError('invalid_argument', `/from ${message}`, { faults: [{ path: '/from', message }] })
  }
  const currency = (newest?.body as Plan | undefined)?.currency
  if (currency !== undefined && currency !== plan.currency) {
    const message = `plan ${planId} is in ${currency}: what was charged in it cannot go on in ${plan.currency}; make another plan`
    throw new AforoError('conflict', message, {
      faults: [{ path: '/currency', message: `must be ${currency}` }],
    })
  }
  const recordedAt = now.toISOString()
  const [row] = await drizzle(client)
    .insert(planVersions)
    .values({
      tenantId,
      planId,
      version: (newest?.version ?? 0) + 1,
      body: plan,
      contentHash,
      effectiveFrom: from ?? recordedAt,
      recordedAt,
    })
    .returning()
  return { row: row!, isNew: true }
}

import type pg from 'pg'
import type { Budget, BudgetVersion } from '../../core/budget.ts'
import { AforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import { allUnlike } from '../../core/unlike.ts'
import { fillCounters } from './fill.ts'
import { lockBudgets } from './lock.ts'

/** Budgets of a tenant that have not ended. */
export const BUDGETS_MAX = 10_000

/** A version as it was written; body null: the budget ended. */
export interface StoredVersion {
  readonly version: number
  readonly counting: number
  readonly body: Budget | null
  readonly recordedAt: string
}

/**
 * Adds a version of a budget unless the newest one says the same. Counting goes on where scope, unit and window are what
 * they were; else counters begin anew and are filled from history, so that they are right when this commits.
 * @throws AforoError `conflict` where the tenant has as many budgets as there may be
 */
export async function defineBudget(
  client: pg.PoolClient,
  tenantId: TenantId,
  budgetId: string,
  budget: Budget,
  now: Date,
): Promise<{ readonly stored: StoredVersion; readonly isNew: boolean }> {
  await lockBudgets(client, tenantId)
  const newest = await readVersion(client, tenantId, budgetId)
  if (newest !== null && allUnlike(newest.body, budget).length === 0) return { stored: newest, isNew: false }
  if (newest === null || newest.body === null) await refuseTooMany(client, tenantId)
  const version = (newest?.version ?? 0) + 1
  const counting = newest !== null && countsAlike(newest.body, budget) ? newest.counting : version
  const stored = await addVersion(client, tenantId, budgetId, { version, counting, body: budget }, now)
  const isFirst = await touchTenant(client, tenantId, now)
  if (counting === version) {
    await fillCounters(client, tenantId, { budgetId, version, counting, budget }, now)
  }
  if (isFirst) await queueOpenTraces(client, tenantId)
  return { stored, isNew: true }
}

/**
 * Ends a budget: nothing is counted for it any more.
 * @throws AforoError `not_found` where there is none
 */
export async function endBudget(
  client: pg.PoolClient,
  tenantId: TenantId,
  budgetId: string,
  now: Date,
): Promise<BudgetVersion> {
  await lockBudgets(client, tenantId)
  const newest = await readVersion(client, tenantId, budgetId)
  if (newest === null || newest.body === null) {
    throw new AforoError('not_found', `there is no budget ${budgetId}`)
  }
  const version = newest.version + 1
  await addVersion(client, tenantId, budgetId, { version, counting: newest.counting, body: null }, now)
  if ((await countBudgets(client, tenantId)) === 0) await forgetTenant(client, tenantId)
  else await touchTenant(client, tenantId, now)
  return { budgetId, version, counting: newest.counting, budget: newest.body }
}

/** The newest version; null where there never was one. */
export async function readVersion(
  client: pg.ClientBase,
  tenantId: TenantId,
  budgetId: string,
): Promise<StoredVersion | null> {
  const { rows } = await client.query<StoredVersion>(
    `select version, counting_version as counting, body, recorded_at::text as "recordedAt"
     from aforo_store.budget_versions where tenant_id = $1 and budget_id = $2
     order by version desc limit 1`,
    [tenantId, budgetId],
  )
  return rows[0] ?? null
}

function countsAlike(before: Budget | null, now: Budget): boolean {
  if (before === null) return false
  const counted = ({ scope, unit, window }: Budget) => ({ scope, unit, window })
  return allUnlike(counted(before), counted(now)).length === 0
}

async function addVersion(
  client: pg.ClientBase,
  tenantId: TenantId,
  budgetId: string,
  { version, counting, body }: Omit<StoredVersion, 'recordedAt'>,
  now: Date,
): Promise<StoredVersion> {
  const { rows } = await client.query<{ recorded_at: string }>(
    `insert into aforo_store.budget_versions (tenant_id, budget_id, version, body, counting_version, recorded_at)
     values ($1, $2, $3, $4, $5, $6) returning recorded_at::text as recorded_at`,
    [tenantId, budgetId, version, body === null ? null : JSON.stringify(body), counting, now],
  )
  return { version, counting, body, recordedAt: rows[0]!.recorded_at }
}

async function refuseTooMany(client: pg.ClientBase, tenantId: TenantId): Promise<void> {
  if ((await countBudgets(client, tenantId)) < BUDGETS_MAX) return
  throw new AforoError('conflict', `there are ${BUDGETS_MAX} budgets, which is as many as there may be`)
}

async function countBudgets(client: pg.ClientBase, tenantId: TenantId): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::integer as count from (
       select distinct on (budget_id) body from aforo_store.budget_versions where tenant_id = $1
       order by budget_id, version desc) newest
     where body is not null`,
    [tenantId],
  )
  return rows[0]!.count
}

/**
 * Writes the tenant's row, whatever it says: what others hold of its budgets is no longer true then (`BudgetShelf`).
 * @returns whether the tenant had no budget before
 */
async function touchTenant(client: pg.ClientBase, tenantId: TenantId, now: Date): Promise<boolean> {
  const { rows } = await client.query<{ since: string; is_first: boolean }>(
    `insert into aforo_store.budget_tenants as tenant (tenant_id, since) values ($1, $2)
     on conflict (tenant_id) do update set since = tenant.since
     returning xmax = 0 as is_first`,
    [tenantId, now],
  )
  return rows[0]!.is_first
}

/** What is open already counts as soon as it was looked at. */
async function queueOpenTraces(client: pg.ClientBase, tenantId: TenantId): Promise<void> {
  await client.query(
    `insert into aforo_store.spend_queue (tenant_id, trace_id, not_before)
     select tenant_id, trace_id, '-infinity' from aforo_store.traces
     where tenant_id = $1 and cut_due_at is not null`,
    [tenantId],
  )
}

/** Without a budget nothing is kept of open traces: the queue is emptied by whoever looks at it next. */
async function forgetTenant(client: pg.ClientBase, tenantId: TenantId): Promise<void> {
  for (const table of ['budget_tenants', 'open_spend', 'open_sighting_keys', 'open_sightings']) {
    await client.query(`delete from aforo_store.${table} where tenant_id = $1`, [tenantId])
  }
}

import { isDeepStrictEqual } from 'node:util'
import type pg from 'pg'
import type { AlertRule } from '../../core/alert.ts'
import { AforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'

/** Rules of a tenant that have not ended: each is looked at again and again. */
export const ALERT_RULES_MAX = 200

/** A version as it was written; body null: the rule ended. */
export interface StoredRule {
  readonly version: number
  readonly body: AlertRule | null
  readonly recordedAt: string
}

/**
 * Adds a version of a rule unless the newest one says the same; it is looked at at once. States stay until they are
 * looked at under the new thresholds.
 * @throws AforoError `conflict` where the tenant has as many rules as there may be
 */
export async function defineAlertRule(
  client: pg.PoolClient,
  tenantId: TenantId,
  ruleId: string,
  rule: AlertRule,
  now: Date,
): Promise<{ readonly stored: StoredRule; readonly isNew: boolean }> {
  await lockRules(client, tenantId)
  const newest = await readAlertRule(client, tenantId, ruleId)
  if (newest !== null && isDeepStrictEqual(newest.body, rule)) return { stored: newest, isNew: false }
  if (newest === null || newest.body === null) await refuseTooMany(client, tenantId)
  const stored = await addVersion(client, tenantId, ruleId, newest, rule, now)
  await lookNow(client, tenantId, ruleId, now)
  return { stored, isNew: true }
}

/**
 * Ends a rule: at its next look, which is due at once, what is not ok ends with it and is told.
 * @throws AforoError `not_found` where there is none
 */
export async function endAlertRule(
  client: pg.PoolClient,
  tenantId: TenantId,
  ruleId: string,
  now: Date,
): Promise<StoredRule> {
  await lockRules(client, tenantId)
  const newest = await readAlertRule(client, tenantId, ruleId)
  if (newest === null || newest.body === null)
    throw new AforoError('not_found', `there is no alert rule ${ruleId}`)
  const stored = await addVersion(client, tenantId, ruleId, newest, null, now)
  await lookNow(client, tenantId, ruleId, now)
  return stored
}

/** The newest version; null where there never was one. */
async function readAlertRule(
  client: Pick<pg.ClientBase, 'query'>,
  tenantId: TenantId,
  ruleId: string,
): Promise<StoredRule | null> {
  const { rows } = await client.query<StoredRule>(
    `select version, body, recorded_at::text as "recordedAt" from aforo_store.alert_rule_versions
     where tenant_id = $1 and rule_id = $2 order by version desc limit 1`,
    [tenantId, ruleId],
  )
  return rows[0] ?? null
}

async function addVersion(
  client: pg.PoolClient,
  tenantId: TenantId,
  ruleId: string,
  newest: StoredRule | null,
  body: AlertRule | null,
  now: Date,
): Promise<StoredRule> {
  const { rows } = await client.query<StoredRule>(
    `insert into aforo_store.alert_rule_versions (tenant_id, rule_id, version, body, recorded_at)
     values ($1, $2, $3, $4, $5) returning version, body, recorded_at::text as "recordedAt"`,
    [tenantId, ruleId, (newest?.version ?? 0) + 1, body === null ? null : JSON.stringify(body), now],
  )
  return rows[0]!
}

/** Waits for who is looking at the rule: what it writes is of the version before. */
async function lookNow(client: pg.PoolClient, tenantId: TenantId, ruleId: string, now: Date): Promise<void> {
  await client.query(
    `insert into aforo_store.alert_watches as watch (tenant_id, rule_id, due_at) values ($1, $2, $3)
     on conflict (tenant_id, rule_id) do update set due_at = least(watch.due_at, excluded.due_at), failure = null`,
    [tenantId, ruleId, now],
  )
}

/** Two that write rules of a tenant at once number versions and count rules one after the other. */
async function lockRules(client: pg.PoolClient, tenantId: TenantId): Promise<void> {
  await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
    `aforo alert rules ${tenantId}`,
  ])
}

async function refuseTooMany(client: pg.PoolClient, tenantId: TenantId): Promise<void> {
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::integer as count from (
       select distinct on (rule_id) body from aforo_store.alert_rule_versions where tenant_id = $1
       order by rule_id, version desc) newest
     where body is not null`,
    [tenantId],
  )
  if (rows[0]!.count < ALERT_RULES_MAX) return
  throw new AforoError(
    'conflict',
    `there are ${ALERT_RULES_MAX} alert rules, which is as many as there may be`,
  )
}

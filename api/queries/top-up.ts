import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'

/** A rule as the database has it: amounts as `numeric`, times as text. */
export interface TopUpRow {
  readonly threshold: string
  readonly amount: string
  readonly requestsMax: number
  readonly windowSeconds: number
  readonly cooldownSeconds: number
  readonly recordedAt: string
}

export interface TopUpRequestRow {
  readonly requestId: string
  readonly balance: string
  readonly threshold: string
  readonly amount: string
  readonly recordedAt: string
}

export async function readTopUp(
  client: pg.PoolClient,
  tenantId: TenantId,
  customerId: string,
): Promise<TopUpRow | undefined> {
  const { rows } = await client.query<TopUpRow>(
    `select threshold::text as threshold, amount::text as amount, requests_max as "requestsMax",
       window_seconds as "windowSeconds", cooldown_seconds as "cooldownSeconds", recorded_at::text as "recordedAt"
     from aforo_store.credit_top_up_rules where tenant_id = $1 and customer_id = $2`,
    [tenantId, customerId],
  )
  return rows[0]
}

/** Writes a customer’s rule in place of the one before. */
export async function putTopUp(
  client: pg.PoolClient,
  tenantId: TenantId,
  customerId: string,
  rule: Omit<TopUpRow, 'recordedAt'>,
  now: Date,
): Promise<void> {
  await client.query(
    `insert into aforo_store.credit_top_up_rules
       (tenant_id, customer_id, threshold, amount, requests_max, window_seconds, cooldown_seconds, recorded_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8)
     on conflict (tenant_id, customer_id) do update set threshold = excluded.threshold, amount = excluded.amount,
       requests_max = excluded.requests_max, window_seconds = excluded.window_seconds,
       cooldown_seconds = excluded.cooldown_seconds, recorded_at = excluded.recorded_at`,
    [
      tenantId,
      customerId,
      rule.threshold,
      rule.amount,
      rule.requestsMax,
      rule.windowSeconds,
      rule.cooldownSeconds,
      now.toISOString(),
    ],
  )
}

export async function deleteTopUp(
  client: pg.PoolClient,
  tenantId: TenantId,
  customerId: string,
): Promise<void> {
  await client.query(
    'delete from aforo_store.credit_top_up_rules where tenant_id = $1 and customer_id = $2',
    [tenantId, customerId],
  )
}

/** What was asked for, the latest first. */
export async function readTopUpRequests(
  client: pg.PoolClient,
  tenantId: TenantId,
  customerId: string,
  max: number,
): Promise<readonly TopUpRequestRow[]> {
  const { rows } = await client.query<TopUpRequestRow>(
    `select request_id as "requestId", balance::text as balance, threshold::text as threshold, amount::text as amount,
       recorded_at::text as "recordedAt"
     from aforo_store.credit_top_up_requests where tenant_id = $1 and customer_id = $2
     order by request_no desc limit $3`,
    [tenantId, customerId, max],
  )
  return rows
}

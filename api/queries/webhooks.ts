import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import { ATTEMPTS_MAX } from '../../schema/webhooks/enqueue.ts'

/** An endpoint; times as the database writes them. */
export interface WebhookRow {
  readonly webhookId: string
  readonly url: string
  readonly events: readonly string[] | null
  readonly recordedAt: string
}

const COLUMNS = 'webhook_id as "webhookId", url, events, recorded_at::text as "recordedAt"'

export async function readWebhook(
  client: pg.PoolClient,
  tenantId: TenantId,
  webhookId: string,
): Promise<WebhookRow | undefined> {
  const { rows } = await client.query<WebhookRow>(
    `select ${COLUMNS} from aforo_store.webhook_endpoints where tenant_id = $1 and webhook_id = $2`,
    [tenantId, webhookId],
  )
  return rows[0]
}

/** @throws AforoError `not_found` where there is no such webhook */
export async function knownWebhook(
  client: pg.PoolClient,
  tenantId: TenantId,
  webhookId: string,
): Promise<WebhookRow> {
  const row = await readWebhook(client, tenantId, webhookId)
  if (row) return row
  throw new AforoError('not_found', `there is no webhook ${webhookId}`)
}

/** All endpoints of a tenant by their id; there is a maximum of them. */
export async function readWebhooks(
  client: pg.PoolClient,
  tenantId: TenantId,
): Promise<readonly WebhookRow[]> {
  const { rows } = await client.query<WebhookRow>(
    `select ${COLUMNS} from aforo_store.webhook_endpoints where tenant_id = $1 order by webhook_id`,
    [tenantId],
  )
  return rows
}

/** Writes an endpoint and returns it; one of that id has its URL and events replaced. */
export async function putWebhook(
  client: pg.PoolClient,
  tenantId: TenantId,
  webhook: { readonly webhookId: string; readonly url: string; readonly events: readonly string[] | null },
  now: Date,
): Promise<WebhookRow> {
  const { rows } = await client.query<WebhookRow>(
    `insert into aforo_store.webhook_endpoints (tenant_id, webhook_id, url, events, recorded_at)
     values ($1, $2, $3, $4, $5)
     on conflict (tenant_id, webhook_id) do update set url = excluded.url, events = excluded.events
     returning ${COLUMNS}`,
    [tenantId, webhook.webhookId, webhook.url, webhook.events, now.toISOString()],
  )
  return rows[0]!
}

/** With its secrets, and everything it was still to be told. */
export async function deleteWebhook(
  client: pg.PoolClient,
  tenantId: TenantId,
  webhookId: string,
): Promise<void> {
  await client.query('delete from aforo_store.webhook_endpoints where tenant_id = $1 and webhook_id = $2', [
    tenantId,
    webhookId,
  ])
}

/** The secret that signs from now on; those before it sign beside it until `oldUntil`. The endpoint is locked. */
export async function addSecret(
  client: pg.PoolClient,
  tenantId: TenantId,
  webhookId: string,
  secret: string,
  oldUntil: Date,
  now: Date,
): Promise<void> {
  await client.query(
    `delete from aforo_store.webhook_secrets
     where tenant_id = $1 and webhook_id = $2 and (expires_at <= $3 or secret = $4)`,
    [tenantId, webhookId, now.toISOString(), secret],
  )
  await client.query(
    `update aforo_store.webhook_secrets set expires_at = least(expires_at, $3)
     where tenant_id = $1 and webhook_id = $2`,
    [tenantId, webhookId, oldUntil.toISOString()],
  )
  await client.query(
    `insert into aforo_store.webhook_secrets (tenant_id, webhook_id, secret, recorded_at) values ($1, $2, $3, $4)`,
    [tenantId, webhookId, secret, now.toISOString()],
  )
}

/** Secrets that sign at an instant, the newest first. */
export async function readSecrets(
  client: pg.PoolClient,
  tenantId: TenantId,
  webhookId: string,
  now: Date,
): Promise<readonly string[]> {
  const { rows } = await client.query<{ secret: string }>(
    `select secret from aforo_store.webhook_secrets
     where tenant_id = $1 and webhook_id = $2 and (expires_at is null or expires_at > $3)
     order by secret_no desc`,
    [tenantId, webhookId, now.toISOString()],
  )
  return rows.map(({ secret }) => secret)
}

export interface DeliveryRow {
  readonly messageId: string
  readonly type: string
  readonly data: unknown
  readonly state: 'waiting' | 'delivered' | 'dead'
  readonly attempts: number
  readonly dueAt: string
  readonly lastStatus: number | null
  readonly lastError: string | null
  readonly recordedAt: string
  readonly endedAt: string | null
}

/** Deliveries of an endpoint, those of the newest messages first. */
export async function readDeliveries(
  client: pg.PoolClient,
  tenantId: TenantId,
  webhookId: string,
  page: { state: string | null; before: readonly [string, string] | null; rows: number },
): Promise<readonly DeliveryRow[]> {
  const { rows } = await client.query<DeliveryRow>(
    `select message_id as "messageId", message.type, message.data, state, attempts, due_at::text as "dueAt",
       last_status as "lastStatus", last_error as "lastError", delivery.recorded_at::text as "recordedAt",
       ended_at::text as "endedAt"
     from aforo_store.webhook_deliveries delivery
     join aforo_store.webhook_messages message using (tenant_id, message_id)
     where tenant_id = $1 and webhook_id = $2 and ($3::text is null or state = $3)
       and ($4::timestamptz is null or (delivery.recorded_at, message_id) < ($4, $5))
     order by delivery.recorded_at desc, message_id desc
     limit $6`,
    [tenantId, webhookId, page.state, page.before?.[0] ?? null, page.before?.[1] ?? null, page.rows],
  )
  return rows
}

/**
 * Begins a new round of attempts for deliveries that ended: one message's, or all that are dead, the oldest first.
 * @returns the ids of their messages
 */
export async function redeliver(
  client: pg.PoolClient,
  tenantId: TenantId,
  webhookId: string,
  what: { messageId: string | null; max: number },
  now: Date,
): Promise<readonly string[]> {
  const { rows } = await client.query<{ message_id: string }>(
    `with chosen as materialized (
       select message_id from aforo_store.webhook_deliveries
       where tenant_id = $1 and webhook_id = $2
         and case when $4::text is null then state = 'dead' else message_id = $4 and state <> 'waiting' end
       order by recorded_at, message_id limit $5
       for update
     )
     update aforo_store.webhook_deliveries delivery
     set state = 'waiting', due_at = $3, ended_at = null, attempts_max = attempts + $6
     from chosen
     where tenant_id = $1 and webhook_id = $2 and delivery.message_id = chosen.message_id
     returning delivery.message_id`,
    [tenantId, webhookId, now.toISOString(), what.messageId, what.max, ATTEMPTS_MAX],
  )
  return rows.map((row) => row.message_id)
}

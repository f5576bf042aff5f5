import type pg from 'pg'
import { transaction } from '../schema/pool.ts'
import type { Shipment } from './send.ts'

/** A delivery with the attempt that was begun for it. */
export interface Attempt extends Shipment {
  readonly tenantId: string
  readonly webhookId: string
  readonly attempt: number
  readonly attemptsMax: number
}

/** How many attempts an endpoint has under way in this process. */
interface Busy {
  readonly tenantId: string
  readonly webhookId: string
  readonly count: number
}

interface ClaimLimits {
  readonly total: number
  readonly perEndpoint: number
  /** Until then nobody else takes what was claimed; afterwards it counts as lost. */
  readonly claimedUntil: Date
}

/**
 * Begins the next attempt of deliveries that are due, of each endpoint so many as it has room for: what waits for a
 * slow one is not in the way of the others. Numbering the attempt is what claims it, so no two processes make the same.
 */
export function claimAttempts(
  pool: pg.Pool,
  busy: readonly Busy[],
  { total, perEndpoint, claimedUntil }: ClaimLimits,
  now: Date,
): Promise<readonly Attempt[]> {
  return transaction(pool, async (client) => {
    const { rows } = await client.query<ClaimedRow>({
      name: 'webhooks-claim',
      text: CLAIM,
      values: [
        now.toISOString(),
        claimedUntil.toISOString(),
        total,
        perEndpoint,
        busy.map(({ tenantId }) => tenantId),
        busy.map(({ webhookId }) => webhookId),
        busy.map(({ count }) => count),
      ],
    })
    return rows.filter(({ state }) => state === 'waiting').map(attemptOf)
  })
}

/**
 * From endpoint to endpoint along the index of what waits: however much one has waiting, it is one step. What is due
 * with no attempt left lost its last one: nobody will write the outcome, so it is dead.
 */
const CLAIM = `
  with recursive waiting as (
    (select tenant_id, webhook_id from aforo_store.webhook_deliveries where state = 'waiting'
     order by tenant_id, webhook_id limit 1)
    union all
    select next.tenant_id, next.webhook_id from waiting cross join lateral (
      select tenant_id, webhook_id from aforo_store.webhook_deliveries later
      where state = 'waiting' and (later.tenant_id, later.webhook_id) > (waiting.tenant_id, waiting.webhook_id)
      order by tenant_id, webhook_id limit 1) next
  ), room as (
    select waiting.*, greatest(0, $4::integer - coalesce(busy.count, 0)) as room
    from waiting left join unnest($5::text[], $6::text[], $7::integer[]) as busy (tenant_id, webhook_id, count)
      using (tenant_id, webhook_id)
  ), due as (
    select next.* from room cross join lateral (
      select tenant_id, webhook_id, message_id from aforo_store.webhook_deliveries delivery
      where delivery.tenant_id = room.tenant_id and delivery.webhook_id = room.webhook_id
        and state = 'waiting' and due_at <= $1
      order by due_at limit room.room
      for update skip locked) next
    limit $3
  )
  update aforo_store.webhook_deliveries delivery
  set attempts = least(delivery.attempts + 1, attempts_max), due_at = $2,
    state = case when attempts < attempts_max then 'waiting' else 'dead' end,
    ended_at = case when attempts < attempts_max then null else $1::timestamptz end,
    last_error = case when attempts < attempts_max then last_error else coalesce(last_error, 'lost') end
  from due
  join aforo_store.webhook_endpoints endpoint using (tenant_id, webhook_id)
  join aforo_store.webhook_messages message using (tenant_id, message_id)
  where delivery.tenant_id = due.tenant_id and delivery.webhook_id = due.webhook_id
    and delivery.message_id = due.message_id
  returning delivery.state, delivery.tenant_id, delivery.webhook_id, delivery.message_id, delivery.attempts, delivery.attempts_max,
    endpoint.url, message.type, message.data, message.recorded_at,
    array(
      select secret from aforo_store.webhook_secrets held
      where held.tenant_id = delivery.tenant_id and held.webhook_id = delivery.webhook_id
        and (held.expires_at is null or held.expires_at > $1)
      order by secret_no desc) as secrets`

interface ClaimedRow {
  readonly state: 'waiting' | 'dead'
  readonly tenant_id: string
  readonly webhook_id: string
  readonly message_id: string
  readonly attempts: number
  readonly attempts_max: number
  readonly url: string
  readonly type: string
  readonly data: unknown
  readonly recorded_at: string
  readonly secrets: readonly string[]
}

function attemptOf(row: ClaimedRow): Attempt {
  const timestamp = new Date(row.recorded_at).toISOString()
  return {
    tenantId: row.tenant_id,
    webhookId: row.webhook_id,
    messageId: row.message_id,
    attempt: row.attempts,
    attemptsMax: row.attempts_max,
    url: row.url,
    body: JSON.stringify({ type: row.type, timestamp, data: row.data }),
    secrets: row.secrets,
  }
}

import type pg from 'pg'
import type { Message } from '../../core/messages.ts'

/** Attempts of a delivery before it is dead; over two days by `retryDelayMs`. */
export const ATTEMPTS_MAX = 15

/** Deliveries of one endpoint that wait. What comes beyond is dead at once: listed, and sent again when asked for. */
export const WAITING_MAX = 10_000

const MESSAGE_ID = /^[A-Za-z0-9._:-]{1,200}$/

/**
 * Writes a message into the outbox, to be delivered to every endpoint of the tenant that takes its type: in the
 * caller's transaction, so that it is told if and only if what it tells of is committed. A message nobody takes is not
 * kept. The same id again adds nothing.
 * @param only to this endpoint alone
 * @returns to how many endpoints it goes
 */
export async function enqueueMessage(
  client: pg.ClientBase,
  message: Message,
  only: string | null = null,
): Promise<number> {
  const { tenantId, type, data, id, now } = message
  if (!MESSAGE_ID.test(id)) throw new Error(`"${id}" cannot be the id of a message`)
  const { rows } = await client.query<{ waiting: string }>(
    `with takers as (
       select webhook_id, (
         select count(*) from (
           select from aforo_store.webhook_deliveries
           where tenant_id = $1 and webhook_id = endpoint.webhook_id and state = 'waiting'
           limit $6) waiting) as waiting
       from aforo_store.webhook_endpoints endpoint
       where tenant_id = $1 and (events is null or $2 = any(events))
         and ($8::text is null or webhook_id = $8)
     ), message as (
       insert into aforo_store.webhook_messages (tenant_id, message_id, type, data, recorded_at)
       select $1, $3, $2, $4, $5 where exists (select from takers)
       on conflict do nothing
       returning message_id
     )
     insert into aforo_store.webhook_deliveries
       (tenant_id, webhook_id, message_id, state, attempts_max, due_at, recorded_at, ended_at, last_error)
     select $1, webhook_id, message_id, case when full_up then 'dead' else 'waiting' end, $7, $5, $5,
       case when full_up then $5::timestamptz end, case when full_up then 'queue_full' end
     from message cross join (select webhook_id, waiting >= $6 as full_up from takers) taker
     returning webhook_id`,
    [tenantId, type, id, JSON.stringify(data), now.toISOString(), WAITING_MAX, ATTEMPTS_MAX, only],
  )
  return rows.length
}

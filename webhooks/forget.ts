import type pg from 'pg'
import { databaseFault } from '../schema/faults.ts'

/** Days after which a delivery that ended is forgotten, and a message without any. */
export const KEPT_DAYS = 30
/** Deliveries, and messages, forgotten by one statement. */
export const FORGET_BATCH_MAX = 1_000

/**
 * Forgets what ended long ago, dead or delivered. Until then the same id is not sent again.
 * @returns how many rows were forgotten; while there are some, there may be more
 */
export async function forgetOld(pool: pg.Pool, now: Date): Promise<number> {
  const values = [new Date(now.getTime() - KEPT_DAYS * 86_400_000).toISOString(), FORGET_BATCH_MAX]
  try {
    const deliveries = await pool.query(DELIVERIES, values)
    const messages = await pool.query(MESSAGES, values)
    return (deliveries.rowCount ?? 0) + (messages.rowCount ?? 0)
  } catch (error) {
    throw databaseFault(error)
  }
}

const DELIVERIES = `
  with old as materialized (
    select tenant_id, webhook_id, message_id from aforo_store.webhook_deliveries
    where ended_at < $1 order by ended_at limit $2 for update skip locked
  )
  delete from aforo_store.webhook_deliveries delivery using old
  where delivery.tenant_id = old.tenant_id and delivery.webhook_id = old.webhook_id
    and delivery.message_id = old.message_id`

/** Those of endpoints that were deleted are among them. */
const MESSAGES = `
  with old as materialized (
    select tenant_id, message_id from aforo_store.webhook_messages message
    where recorded_at < $1 and not exists (
      select from aforo_store.webhook_deliveries delivery
      where delivery.tenant_id = message.tenant_id and delivery.message_id = message.message_id)
    order by recorded_at limit $2 for update skip locked
  )
  delete from aforo_store.webhook_messages message using old
  where message.tenant_id = old.tenant_id and message.message_id = old.message_id`

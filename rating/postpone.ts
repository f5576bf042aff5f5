import type pg from 'pg'
import { transaction } from '../schema/pool.ts'
import type { ClaimedRevision } from './claim.ts'
import { list } from './findings.ts'

const DELAY_SECONDS_FIRST = 2
const DELAY_SECONDS_MAX = 3600
const ERROR_LENGTH_MAX = 2000

/** Seconds until a revision that has failed `attempts` times is tried again: 2, 4, 8, … up to an hour. */
export function retryDelay(attempts: number): number {
  return Math.min(DELAY_SECONDS_MAX, DELAY_SECONDS_FIRST * 2 ** Math.min(attempts - 1, 20))
}

/** Puts a revision off, keeps the error with it, and lists it for a person to see. */
export async function postpone(
  pool: pg.Pool,
  event: ClaimedRevision,
  error: unknown,
  now: Date,
): Promise<void> {
  const attempts = event.attempts + 1
  const notBefore = new Date(now.getTime() + retryDelay(attempts) * 1000)
  const message = error instanceof Error ? error.message : String(error)
  await transaction(pool, async (client) => {
    await client.query(
      `update aforo_store.rating_queue set attempts = $4, not_before = $5, last_error = $6
       where tenant_id = $1 and event_id = $2 and revision = $3`,
      [
        event.tenantId,
        event.eventId,
        event.revision,
        attempts,
        notBefore.toISOString(),
        message.slice(0, ERROR_LENGTH_MAX),
      ],
    )
    const finding = {
      event,
      kind: 'conflict',
      spanId: null,
      provider: null,
      model: null,
      reason: 'rating_failed',
    } as const
    await list(client, [finding], now)
  })
}

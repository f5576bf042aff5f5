import type pg from 'pg'
import { databaseFault } from '../schema/faults.ts'
import { ATTEMPTS_MAX } from '../schema/webhooks/enqueue.ts'
import type { Attempt } from './claim.ts'
import { retryDelayMs } from './retry-delay.ts'
import type { Outcome } from './send.ts'

/** Where a delivery is after an attempt. */
type DeliveryState = 'delivered' | 'waiting' | 'dead'

/** Taken; to be tried again; or no more to be tried, because nobody is there or all attempts were made. */
function stateAfter({ attempt, attemptsMax }: Attempt, { error }: Outcome): DeliveryState {
  if (error === null) return 'delivered'
  return error === 'gone' || attempt >= attemptsMax ? 'dead' : 'waiting'
}

/**
 * Writes what came of an attempt. Where the attempt was given up for lost and another was begun, that one's outcome
 * counts and this one's is forgotten.
 * @param jitter from 0 to 1, by chance
 */
export async function settleAttempt(
  pool: pg.Pool,
  attempt: Attempt,
  outcome: Outcome,
  now: Date,
  jitter: number,
): Promise<DeliveryState> {
  const state = stateAfter(attempt, outcome)
  // Sending again by hand begins a new round of attempts, with short pauses first.
  const failed = attempt.attempt - (attempt.attemptsMax - ATTEMPTS_MAX)
  const pauseMs = retryDelayMs(failed, jitter, outcome.retryAfterMs)
  const dueAt = new Date(now.getTime() + pauseMs)
  await pool
    .query(
      `update aforo_store.webhook_deliveries
       set state = $5, due_at = $6, last_status = $7, last_error = $8,
         ended_at = case when $5 = 'waiting' then null else $9::timestamptz end
       where tenant_id = $1 and webhook_id = $2 and message_id = $3 and attempts = $4 and state = 'waiting'`,
      [
        attempt.tenantId,
        attempt.webhookId,
        attempt.messageId,
        attempt.attempt,
        state,
        dueAt.toISOString(),
        outcome.status,
        outcome.error,
        now.toISOString(),
      ],
    )
    .catch((error: unknown) => {
      throw databaseFault(error)
    })
  return state
}

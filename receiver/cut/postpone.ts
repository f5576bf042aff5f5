import type pg from 'pg'
import { eventIdOf } from '../../core/ids.ts'
import { listExceptions } from './exceptions.ts'
import type { DueTrace } from './trace.ts'

const FIRST_DELAY_MS = 1_000
const DELAY_MS_MAX = 3_600_000

/** How long a trace waits after its n-th failed cut in a row, n from 0: doubling from a second to an hour. */
function delayMs(attempts: number): number {
  return Math.min(DELAY_MS_MAX, FIRST_DELAY_MS * 2 ** Math.min(attempts, 30))
}

/** Puts a trace that cannot be cut off and lists it, so that it holds up no other and is not forgotten. */
export async function postpone(
  client: pg.PoolClient,
  trace: DueTrace,
  reason: string,
  now: Date,
): Promise<void> {
  await client.query(
    `update aforo_store.traces set cut_due_at = $3, cut_attempts = cut_attempts + 1
     where tenant_id = $1 and trace_id = $2`,
    [trace.tenantId, Buffer.from(trace.traceId, 'hex'), new Date(now.getTime() + delayMs(trace.attempts))],
  )
  const { tenantId, traceId } = trace
  const eventId = trace.sessionEventId ?? eventIdOf(traceId)
  const about = { spanId: '', provider: null, model: null, customer: null }
  await listExceptions(client, [{ tenantId, eventId, traceId, kind: 'conflict', reason, ...about }], now)
}

import type pg from 'pg'
import type { Registry } from 'prom-client'
import type { Log } from '../core/log.ts'
import { type Attempt, claimAttempts } from './claim.ts'
import { registerDeadLetters } from './dead-letters.ts'
import { FailingEndpoints } from './failing.ts'
import { createDeliveryMetrics } from './metrics.ts'
import { type Outcome, send } from './send.ts'
import { settleAttempt } from './settle.ts'

/** Attempts of a process that are under way at once, and those of one endpoint among them. */
const UNDER_WAY_MAX = 64
export const UNDER_WAY_PER_ENDPOINT_MAX = 4

const TIMEOUT_MS = 10_000
/** An attempt whose outcome nobody wrote after this long is lost: its process died. Longer than any can take. */
export const CLAIMED_MS = 60_000

interface DelivererOptions {
  readonly pool: pg.Pool
  readonly log: Log
  readonly registry?: Registry
  /** Whether messages may go to loopback and private addresses; asked for each turn. */
  allowPrivate(): Promise<boolean>
  /** From 0 to 1, by chance. */
  jitter(): number
  clock(): Date
  /** Something ended: there is room for more. */
  onRoom?(): void
  readonly timeoutMs?: number
}

interface Deliverer {
  /** Begins attempts that are due and does not wait for them: a slow endpoint holds nobody up. */
  deliver(now: Date): Promise<number>
  /** Resolves when what is under way has ended. */
  idle(): Promise<void>
}

/** Delivers the messages of the outbox. Any number of processes may do it at once. */
export function createDeliverer(options: DelivererOptions): Deliverer {
  const { pool, log, clock, jitter, timeoutMs = TIMEOUT_MS } = options
  const metrics = createDeliveryMetrics(options.registry)
  registerDeadLetters(options.registry, pool, log)
  const failing = new FailingEndpoints(log)
  const underWay = new Set<Promise<void>>()
  const busy = new Map<string, { tenantId: string; webhookId: string; count: number }>()

  function count({ tenantId, webhookId }: Attempt, by: 1 | -1): void {
    const name = JSON.stringify([tenantId, webhookId])
    const { count: before } = busy.get(name) ?? { count: 0 }
    if (before + by === 0) busy.delete(name)
    else busy.set(name, { tenantId, webhookId, count: before + by })
  }

  async function make(attempt: Attempt, allowPrivate: boolean): Promise<void> {
    const outcome = await send(attempt, { timeoutMs, allowPrivate, now: clock() }).catch(
      (error: Error): Outcome => ({ status: null, error: error.message.slice(0, 200), retryAfterMs: 0 }),
    )
    const state = await settleAttempt(pool, attempt, outcome, clock(), jitter())
    metrics(outcome.error === null ? 'delivered' : state === 'dead' ? 'dead' : 'failed')
    failing.heard(attempt, outcome)
    const { tenantId, webhookId, messageId } = attempt
    if (state === 'dead') log.warn({ tenantId, webhookId, messageId, ...outcome }, 'message given up')
  }

  function begin(attempt: Attempt, allowPrivate: boolean): void {
    count(attempt, 1)
    const ended = make(attempt, allowPrivate)
      // It stays claimed for CLAIMED_MS, and is then tried again.
      .catch((error: unknown) => log.error({ err: error }, 'outcome of a delivery could not be written'))
      .finally(() => {
        count(attempt, -1)
        underWay.delete(ended)
        options.onRoom?.()
      })
    underWay.add(ended)
  }

  return {
    async deliver(now) {
      const room = UNDER_WAY_MAX - underWay.size
      if (room <= 0) return 0
      const limits = {
        total: room,
        perEndpoint: UNDER_WAY_PER_ENDPOINT_MAX,
        claimedUntil: new Date(now.getTime() + CLAIMED_MS),
      }
      const attempts = await claimAttempts(pool, [...busy.values()], limits, now)
      if (attempts.length === 0) return 0
      const allowPrivate = await options.allowPrivate()
      for (const attempt of attempts) begin(attempt, allowPrivate)
      return attempts.length
    },
    async idle() {
      await Promise.all(underWay)
    },
  }
}

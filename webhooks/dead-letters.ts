import type pg from 'pg'
import { Gauge, type Registry } from 'prom-client'
import type { Log } from '../core/log.ts'

/** Whoever asks more often is told the same. */
const READ_MS = 1_000

/**
 * Tells in a registry how many deliveries are dead, as long as they are kept: for want of room (`queue_full`), which no attempt
 * tells of, or after attempts (`given_up`). It is read when somebody looks, so it is the same in every process.
 */
export function registerDeadLetters(
  registry: Registry | undefined,
  pool: Pick<pg.Pool, 'query'>,
  log: Log,
  clock: () => number = () => performance.now(),
): void {
  if (!registry) return
  let readAt = Number.NEGATIVE_INFINITY
  let known: { readonly queueFull: number; readonly givenUp: number } | null = null
  new Gauge({
    name: 'aforo_webhook_dead',
    help: 'Deliveries that are dead, as long as they are kept, by why.',
    labelNames: ['reason'] as const,
    registers: [registry],
    async collect() {
      if (clock() - readAt >= READ_MS) {
        readAt = clock()
        known = await readDead(pool).catch((error: unknown) => {
          log.warn({ err: error }, 'dead letters could not be counted')
          return null
        })
      }
      this.reset()
      // Unknown is no zero.
      if (known === null) return
      this.set({ reason: 'queue_full' }, known.queueFull)
      this.set({ reason: 'given_up' }, known.givenUp)
    },
  })
}

async function readDead(pool: Pick<pg.Pool, 'query'>): Promise<{ queueFull: number; givenUp: number }> {
  const { rows } = await pool.query<{ queue_full: string; given_up: string }>({
    name: 'webhooks_dead',
    text: `select count(*) filter (where last_error = 'queue_full') as queue_full,
        count(*) filter (where last_error is distinct from 'queue_full') as given_up
      from aforo_store.webhook_deliveries where state = 'dead'`,
  })
  return { queueFull: Number(rows[0]!.queue_full), givenUp: Number(rows[0]!.given_up) }
}

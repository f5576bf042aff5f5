import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { createRater } from '../../rating/rater.ts'
import { type CustomerEffect, RevisionEffects } from '../../rating/revision-effects.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { type CutterOptions, createCutter, TRACES_MAX } from '../../receiver/cut/cutter.ts'
import { previewPage, type RecutPage, recutPage } from '../../receiver/cut/recut.ts'
import type { CutSettings } from '../../receiver/cut/settings.ts'
import type { ReceiverMetrics } from '../../receiver/metrics.ts'
import { createOpenAssembler } from '../../receiver/open/assemble-open.ts'
import { transaction } from '../../schema/pool.ts'

/** Connections that cutting and rating want at once. */
export const RECUT_CONNECTIONS = 6

export interface RecutParts {
  readonly pool: pg.Pool
  readonly log: Log
  readonly settings: CutSettings
  readonly metrics: ReceiverMetrics
  /** Null: of all tenants. */
  readonly tenantId: string | null
  /** Traces of one transaction; less than usual in tests. */
  readonly limit?: number
  /** Told after each page how many traces were looked at in all. */
  readonly progress?: (traces: number) => void
}

/** What cutting again comes to. */
interface RecutCount {
  readonly traces: number
  /** Events that change, by the revisions that are or would be written. */
  readonly revisions: number
  readonly failed: number
}

export interface RecutPreview extends RecutCount {
  readonly effects: readonly CustomerEffect[]
}

/** Events that a preview remembers so as to count each once. */
const PREVIEW_EVENTS_MAX = 2_000_000

/**
 * What cutting all traces of older rules again would change: each page is cut, worked out and put back. It is exact but
 * where the rules of now have a call in another trace, or a trace in another session, than those of then: a page that is
 * put back does not know what another one would have moved.
 * @throws AforoError `invalid_argument` where more events change than are remembered
 */
export async function previewRecut(
  parts: RecutParts,
  now: Date,
  eventsMax: number = PREVIEW_EVENTS_MAX,
): Promise<RecutPreview> {
  const effects = new RevisionEffects()
  const seen = new Set<string>()
  const cutter = cutterOf(parts)
  const count = await eachPage(
    parts,
    (order) => previewPage(cutter, order, now),
    async ({ revisions }) => {
      const fresh = revisions.filter(({ tenantId, eventId }) => !seen.has(`${tenantId}/${eventId}`))
      for (const { tenantId, eventId } of fresh) seen.add(`${tenantId}/${eventId}`)
      if (seen.size > eventsMax) {
        throw new AforoError(
          'invalid_argument',
          `more than ${eventsMax} events change: take one tenant after the other`,
        )
      }
      await transaction(parts.pool, (client) => effects.add(client, fresh, now))
      return fresh.length
    },
  )
  return { ...count, effects: await transaction(parts.pool, (client) => effects.close(client)) }
}

/**
 * Cuts all traces of older rules again and rates what came of it. Ended at any time, it goes on there the next time.
 * @param clock the instant by now
 */
export async function runRecut(parts: RecutParts, clock: () => Date): Promise<RecutCount> {
  const { pool, log } = parts
  const options = cutterOf(parts)
  const rater = createRater({ pool, log, assembleOpen: createOpenAssembler({ assemble, log }) })
  const count = await eachPage(
    parts,
    (order) => recutPage(options, order, clock()),
    async ({ revisions }) => {
      await rateAll(rater, clock)
      return revisions.length
    },
  )
  // Traces that lost a call and were too many for the transaction that took it are due by now.
  const cutter = createCutter(options)
  for (let settled = TRACES_MAX; settled === TRACES_MAX; ) {
    settled = await cutter.cut(clock())
    await rateAll(rater, clock)
  }
  return count
}

/** A rater stops at a bound of its own. */
async function rateAll(rater: ReturnType<typeof createRater>, clock: () => Date): Promise<void> {
  while ((await rater.rate(clock())) > 0);
}

async function eachPage(
  { tenantId, limit, progress }: RecutParts,
  read: (order: Parameters<typeof recutPage>[1]) => Promise<RecutPage>,
  settle: (page: RecutPage) => Promise<number>,
): Promise<RecutCount> {
  const count = { traces: 0, revisions: 0, failed: 0 }
  for (let after: RecutPage['last'] = null; ; ) {
    const page = await read({ tenantId, after, ...(limit !== undefined && { limit }) })
    if (page.last === null) return count
    count.traces += page.traces
    count.failed += page.failed
    count.revisions += await settle(page)
    progress?.(count.traces)
    after = page.last
  }
}

function cutterOf({ pool, log, settings, metrics }: RecutParts): CutterOptions {
  return { pool, log, settings, metrics, assemble }
}

import type pg from 'pg'
import type { Registry } from 'prom-client'
import { AforoError } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import { type Log, SILENT } from '../core/log.ts'
import { BudgetShelf } from '../schema/budgets/shelf.ts'
import { gaveWay } from '../schema/faults.ts'
import { transaction } from '../schema/pool.ts'
import { type ClaimedRevision, type ClaimOrder, claimRevisions } from './claim.ts'
import { adjustRated } from './costs/adjust.ts'
import { countRated } from './count-rated.ts'
import { LockedCounters } from './counters.ts'
import { writeFindings } from './findings.ts'
import { debitCredits } from './ledger/debit.ts'
import { createRatingMetrics } from './metrics.ts'
import { PlanShelf } from './plans/plan-shelf.ts'
import { postpone } from './postpone.ts'
import { prepareBatch } from './prepare.ts'
import { createPricing } from './pricing.ts'
import { type RatedEvent, settleEvent } from './rate-event.ts'
import type { AssembleOpen } from './running/look.ts'
import { type Ratable, withinLook } from './running/unseen.ts'
import { SpareRows, writeRatings } from './write.ts'

export interface RaterParts {
  readonly pool: pg.Pool
  /** Absent: what a trace counts for against budgets is left to a projector, which is to look at it first. */
  readonly assembleOpen?: AssembleOpen
  readonly log?: Log
  readonly registry?: Registry
}

export interface Rater {
  /**
   * Rates revisions that are due at `now` until none is left or `limit` are done, in batches of one transaction
   * each. Any number of raters may run at once.
   *
   * A revision that fails by itself is put off, with a growing delay, and listed; it keeps no other one waiting. A batch
   * that gave way to another transaction is claimed anew, up to `BATCH_TRIES_MAX` times.
   * @returns how many were rated
   * @throws AforoError `unavailable` where the database is not to be reached; nothing of the batch is written then
   */
  rate(now: Date, limit?: number): Promise<number>
}

interface BatchCount {
  readonly claimed: number
  readonly rated: number
}

/** Revisions of one transaction: bounds its memory and how long it holds counters. */
const RATING_BATCH_MAX = 400
const LIMIT_DEFAULT = 10_000
/**
 * Tries of a batch whose transaction gave way. Ours lock in one order, but what they stand on may not: TimescaleDB locks
 * several tables to make a chunk, and two batches that begin a week together have met there.
 */
export const BATCH_TRIES_MAX = 5
/** Batches at once in one process. */
const LANES = 2

export function createRater({ pool, assembleOpen, log = SILENT, registry }: RaterParts): Rater {
  const metrics = createRatingMetrics(registry)
  const budgets = new BudgetShelf()
  const spare = new SpareRows(LANES)
  const sources = { shelf: new PlanShelf(), pricing: createPricing() }

  async function rateBatch(order: ClaimOrder): Promise<BatchCount> {
    for (let tries = 1; ; tries++) {
      try {
        return await tryBatch(order)
      } catch (error) {
        if (tries === BATCH_TRIES_MAX || !gaveWay(error)) throw error
        metrics.gaveWay(1)
      }
    }
  }

  async function tryBatch(order: ClaimOrder): Promise<BatchCount> {
    // What this attempt claimed: on failure each is tried apart.
    let claimed: readonly ClaimedRevision[] = []
    try {
      const rated = await transaction(pool, async (client) => {
        claimed = await claimRevisions(client, order)
        if (claimed.length === 0) return []
        const { revisions, unseen } = assembleOpen ? await withinLook(client, claimed) : allSeen(claimed)
        claimed = revisions
        return rateClaimed(client, claimed, unseen, order.now)
      })
      metrics.rated(rated.length)
      metrics.unpriced(rated.filter(({ status }) => status === 'unpriced').length)
      metrics.unattributed(rated.filter(({ status }) => status === 'unattributed').length)
      return { claimed: claimed.length, rated: rated.length }
    } catch (error) {
      if (claimed.length === 0 || (error instanceof AforoError && error.retryable)) throw error
      if (claimed.length > 1) return rateApart(claimed, order)
      await postpone(pool, claimed[0]!, error, order.now)
      metrics.postponed(1)
      log.error({ err: error, event: claimed[0]!.eventId }, 'revision could not be rated, trying again later')
      return { claimed: 1, rated: 0 }
    }
  }

  async function rateApart(claimed: readonly ClaimedRevision[], order: ClaimOrder): Promise<BatchCount> {
    let rated = 0
    for (const only of claimed) rated += (await rateBatch({ ...order, limit: 1, only })).rated
    return { claimed: claimed.length, rated }
  }

  async function rateClaimed(
    client: pg.PoolClient,
    claimed: readonly ClaimedRevision[],
    unseen: ReadonlySet<TenantId>,
    now: Date,
  ): Promise<readonly RatedEvent[]> {
    const prepared = await prepareBatch(client, sources, claimed, now)
    const counters = await LockedCounters.lock(
      client,
      prepared.flatMap(({ steps }) => steps.map((step) => step.counter)),
    )
    const nowMicros = now.getTime() * 1000
    const rows = spare.take()
    const rated = prepared.map((event) => {
      const settled = settleEvent(event, counters)
      rows.add(settled, counters.stamp(event.steps, nowMicros))
      return withoutLines(settled)
    })
    await counters.write(client)
    await debitCredits(client, rated, now)
    await writeRatings(client, rows, rated)
    spare.giveBack(rows)
    await writeFindings(client, rated, now)
    await countRated(client, { budgets, sources, assembleOpen }, rated, unseen, now)
    await adjustRated(client, rated, now)
    return rated
  }

  /** One by one until none is due or `limit` are done. What fails is not due again at `now`, so this ends. */
  async function rateFailedBefore(now: Date, limit: number): Promise<number> {
    let done = 0
    for (let claimed = 1; claimed > 0 && done < limit; ) {
      const count = await rateBatch({ now, limit: 1, failedBefore: true })
      claimed = count.claimed
      done += count.rated
    }
    return done
  }

  /** In lanes beside each other: while the database writes the batch of one, that of the other is worked out. */
  async function rateInLanes(now: Date, limit: number): Promise<number> {
    let left = limit
    let done = 0
    const lane = async () => {
      for (let claimed = 1; claimed > 0 && left > 0; ) {
        const most = Math.min(RATING_BATCH_MAX, left)
        left -= most
        const count = await rateBatch({ now, limit: most, failedBefore: false })
        claimed = count.claimed
        left += most - count.rated
        done += count.rated
      }
    }
    // A lane may end while another holds all that is due, so they are started until nothing more is done.
    for (let before = -1; done > before && left > 0; ) {
      before = done
      const lanes = await Promise.allSettled(Array.from({ length: LANES }, lane))
      for (const ended of lanes) if (ended.status === 'rejected') throw ended.reason
    }
    return done
  }

  return {
    async rate(now, limit = LIMIT_DEFAULT) {
      // Those that failed go first: a later revision of the same event waits behind.
      const done = await rateFailedBefore(now, limit)
      return done + (await rateInLanes(now, limit - done))
    },
  }
}

function allSeen(revisions: readonly ClaimedRevision[]): Ratable {
  return { revisions, unseen: new Set() }
}

/** Lines that are among the rows are let go: a batch of them is most of what the collector would have to keep. */
function withoutLines(rated: RatedEvent): RatedEvent {
  return { ...rated, costLines: [], charged: [], stackLines: [] }
}

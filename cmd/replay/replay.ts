import type pg from 'pg'
import { Registry } from 'prom-client'
import { AforoError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { createRater, type Rater } from '../../rating/rater.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { type Cutter, createCutter } from '../../receiver/cut/cutter.ts'
import { CUT_DEFAULTS } from '../../receiver/cut/settings.ts'
import { createJournal, type Journal } from '../../receiver/journal/journal.ts'
import { createReceiverMetrics } from '../../receiver/metrics.ts'
import { replayApprovals } from './approvals.ts'
import { completeWaiting, markDue, orderRatings } from './due.ts'
import { copyFacts, reserveFactIds } from './facts.ts'
import { copyInvoices } from './invoices.ts'
import { replayJournal } from './journal.ts'
import { laterStretches } from './later.ts'
import { replayLedger, reserveGrantIds } from './ledger.ts'
import { type RecordedCut, recordedSteps } from './timeline.ts'

/** What was done again. */
export interface ReplayCount {
  readonly cuts: number
  readonly cutsRecorded: number
  readonly ratings: number
}

/** Whatever is due in the target is due because the source cut it then. */
const AT_ONCE = { ...CUT_DEFAULTS, quietMs: 0, idleMs: 0 }

/** The target and what works on it. */
interface Target {
  readonly pool: pg.Pool
  readonly journal: Journal
  readonly cutter: Cutter
  readonly rater: Rater
}

/**
 * Does everything again in an empty database, step by step at the recorded instants: facts are written when they were
 * written, a trace is cut when it was cut, of what had been received by then, and rated when it was rated; costs are
 * adjusted when a back-dated price was approved. What was issued is copied: it can be compared with what came of it.
 * @param source in a snapshot; it keeps its place in lists
 * @param reader of the same snapshot, for everything else
 */
export async function replayBooks(
  source: pg.PoolClient,
  reader: pg.PoolClient,
  pool: pg.Pool,
  log: Log,
): Promise<ReplayCount> {
  const metrics = createReceiverMetrics(new Registry())
  const target: Target = {
    pool,
    journal: createJournal({ pool, metrics, settings: AT_ONCE }),
    cutter: createCutter({ pool, settings: AT_ONCE, log, assemble, metrics }),
    rater: createRater({ pool, log }),
  }
  const count = { cuts: 0, cutsRecorded: 0, ratings: 0 }
  let facts = BEFORE_ALL
  let factsWanted = BEFORE_ALL
  let latest = BEFORE_ALL
  await reserveGrantIds(reader, pool)
  for await (const step of recordedSteps(source)) {
    if (step.at > latest) latest = step.at
    if (step.kind === 'facts') {
      factsWanted = step.at
      continue
    }
    if (factsWanted > facts) await copyFacts(reader, pool, facts, factsWanted)
    facts = factsWanted
    if (step.kind === 'cut') {
      // A cut that moved a trace is told by both events.
      count.cutsRecorded += new Set(step.cuts.map(({ tenantId, traceId }) => `${tenantId}/${traceId}`)).size
      count.cuts += await cutAgain(reader, target, step.cuts, step.at)
    } else if (step.kind === 'ledger') {
      await replayLedger(reader, pool, dateOf(step.at))
    } else if (step.kind === 'approval') {
      await replayApprovals(pool, dateOf(step.at))
    } else {
      count.ratings += await rateAll(target.rater, dateOf(step.at))
    }
  }
  if (factsWanted > facts) await copyFacts(reader, pool, facts, factsWanted)
  await settleRest(source, reader, target, dateOf(latest))
  await copyInvoices(reader, pool)
  await reserveFactIds(pool)
  return count
}

const BEFORE_ALL = -(2n ** 62n) / 1024n

async function cutAgain(
  reader: pg.PoolClient,
  { pool, journal, cutter }: Target,
  cuts: readonly RecordedCut[],
  at: bigint,
): Promise<number> {
  const upTo = String(at)
  await replayJournal(
    reader,
    journal,
    cuts.map(({ tenantId, traceId, before }) => ({ tenantId, traceId, after: before, upTo })),
  )
  await markDue(pool, cuts, dateOf(at))
  const settled = await cutAll(cutter, dateOf(at))
  await orderRatings(pool, cuts)
  return settled
}

/**
 * What no recorded step brought about: spans that came after the last cut and changed nothing, and events that a fact
 * completed in the source a moment before it was recorded there.
 */
async function settleRest(
  source: pg.PoolClient,
  reader: pg.PoolClient,
  { pool, journal, cutter, rater }: Target,
  now: Date,
): Promise<void> {
  for await (const stretches of laterStretches(source)) {
    await replayJournal(reader, journal, stretches)
    await cutAll(cutter, now)
  }
  await rateAll(rater, now)
  await completeWaiting(reader, pool, now)
  await cutAll(cutter, now)
  await rateAll(rater, now)
}

/** Turns are bounded, and each settles what it takes; a trace that cannot be cut is put off, so this ends. */
async function cutAll(cutter: Cutter, now: Date): Promise<number> {
  let settled = 0
  for (let more = 1; more > 0; settled += more) more = await cutter.cut(now)
  return settled
}

async function rateAll(rater: Rater, now: Date): Promise<number> {
  let rated = 0
  for (let more = 1; more > 0; rated += more) more = await rater.rate(now)
  return rated
}

function dateOf(micros: bigint): Date {
  return new Date(Number(micros / 1000n))
}

/** @throws AforoError `conflict` where the target holds anything already */
export async function refuseUsed(pool: pg.Pool): Promise<void> {
  const tables = ['usage_journal', 'traces', 'events', 'customers', 'plan_versions', 'price_rows']
  const { rows } = await pool.query<{ used: string | null }>(
    `select string_agg(name, ', ') as used from (
       ${tables.map((name) => `(select '${name}' as name from aforo_store.${name} limit 1)`).join(' union all ')}) t`,
  )
  const used = rows[0]?.used
  if (used) throw new AforoError('conflict', `the database to replay into is not empty: it has ${used}`)
}

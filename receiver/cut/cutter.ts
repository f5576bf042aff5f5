import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { isPassing } from '../../schema/faults.ts'
import { transaction } from '../../schema/pool.ts'
import type { ReceiverMetrics } from '../metrics.ts'
import { claimCut, claimDue, keyOf } from './claim.ts'
import { settleExceptions } from './exceptions.ts'
import { postpone } from './postpone.ts'
import { readMaterial } from './read.ts'
import { type Assemble, assembleTrace, type NewRevision, nextRevision, type TraceCut } from './revision.ts'
import { readHomes } from './session-homes.ts'
import type { CutSettings } from './settings.ts'
import { settleMirrors } from './settle-mirrors.ts'
import { settleSessions } from './settle-sessions.ts'
import { LockedTooLittle } from './sighting-locks.ts'
import { requeueUntold } from './sighting-verdicts.ts'
import type { DueTrace, TraceKey } from './trace.ts'
import { closeTraces, writeRevisions } from './write.ts'

/** Closes due traces into revisions of their events. Any number may run beside each other. */
export interface Cutter {
  /**
   * Settles traces that are due at `now`, at most `limit`, in one transaction.
   * @returns how many were settled; 0 where none is due
   * @throws AforoError `unavailable` where the database is away: nothing has changed then
   */
  cut(now: Date, limit?: number): Promise<number>
}

export interface CutterOptions {
  readonly pool: pg.Pool
  readonly settings: CutSettings
  readonly log: Log
  readonly assemble: Assemble
  readonly metrics: ReceiverMetrics
}

/** Traces of one transaction. */
export const TRACES_MAX = 200
/** Journal rows held at once, of several traces. */
export const SPANS_HELD_MAX = 50_000
/** A trace beyond this is not taken into memory: it is listed, and somebody must look. */
export const TRACE_SPANS_MAX = 400_000

export function createCutter(options: CutterOptions): Cutter {
  return {
    async cut(now, limit = TRACES_MAX) {
      try {
        return await undisturbed(() => cutDue(options, now, limit))
      } catch (error) {
        if (error instanceof AforoError && error.retryable) throw error
        options.log.error({ err: error }, 'cutting together failed, cutting one by one')
        return cutOneByOne(options, now, limit)
      }
    },
  }
}

/** Two cutters that want each other's locks, or whose locks no longer fit: tried again this often. */
const ATTEMPTS_MAX = 5

/** Tries work again where two cutters stood in each other's way. */
export async function undisturbed<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || !isDisturbance((error as Error).cause)) throw error
    }
  }
}

function isDisturbance(cause: unknown): boolean {
  if (cause instanceof LockedTooLittle) return true
  return cause instanceof Error && 'code' in cause && (cause.code === '40P01' || cause.code === '40001')
}

async function cutDue(options: CutterOptions, now: Date, limit: number): Promise<number> {
  const outcome = await transaction(options.pool, async (client) => {
    await requeueUntold(client, now)
    const traces = await claimDue(client, now, limit, SPANS_HELD_MAX)
    return traces.length === 0 ? NOTHING : settleAll(options, client, traces, now)
  })
  count(options.metrics, outcome)
  return outcome.settled
}

/** What a transaction of a cutter did. */
export interface Outcome {
  readonly settled: number
  readonly revisions: readonly NewRevision[]
  /** How many of them, the first ones, are of the traces that were claimed; the others of traces that those moved. */
  readonly own: number
  /** How many of the traces changed. */
  readonly changed: number
  readonly postponed: number
  /** Other traces whose events are no longer right. */
  readonly moved: readonly TraceKey[]
}

const NOTHING: Outcome = { settled: 0, revisions: [], own: 0, changed: 0, postponed: 0, moved: [] }

/** Traces that lose calls to those that are cut, or learn of them, and are cut with them. */
const MOVED_MAX = 100
const MOVED_ROUNDS_MAX = 3

/**
 * A call that moves from one trace to another leaves the one in the transaction that brings it to the other: at no time
 * is it billed twice. Traces that another cutter holds, or that are too many, are left to the next turn.
 */
export async function settleAll(
  options: CutterOptions,
  client: pg.PoolClient,
  traces: readonly DueTrace[],
  now: Date,
): Promise<Outcome> {
  let all = await settle(options, client, traces, now)
  let { moved } = all
  const settled = new Set(traces.map(keyOf))
  for (let round = 0; round < MOVED_ROUNDS_MAX && moved.length > 0; round++) {
    const wanted = moved.filter((trace) => !settled.has(keyOf(trace)))
    const claimed = wanted.length === 0 ? [] : await claimCut(client, wanted, MOVED_MAX)
    if (claimed.length === 0) return all
    for (const trace of claimed) settled.add(keyOf(trace))
    const more = await settle(options, client, claimed, now)
    all = {
      settled: all.settled + more.settled,
      revisions: [...all.revisions, ...more.revisions],
      own: all.own,
      changed: all.changed + more.changed,
      postponed: all.postponed + more.postponed,
      moved: [],
    }
    moved = more.moved
  }
  return all
}

async function settle(
  options: CutterOptions,
  client: pg.PoolClient,
  traces: readonly DueTrace[],
  now: Date,
): Promise<Outcome> {
  const readable = traces.filter((trace) => trace.spanCount <= TRACE_SPANS_MAX)
  const failed = new Map<DueTrace, string>()
  for (const trace of traces) if (trace.spanCount > TRACE_SPANS_MAX) failed.set(trace, 'trace_too_large')
  const { revisions, cuts, moved } = await decide(options, client, readable, now, failed)
  const closed = readable.filter((trace) => !failed.has(trace))
  await writeRevisions(client, revisions, now)
  await settleExceptions(client, cuts, now)
  if (closed.length > 0) await closeTraces(client, closed, cuts)
  for (const [trace, reason] of failed) await postpone(client, trace, reason, now)
  return {
    settled: traces.length,
    revisions,
    own: revisions.length,
    changed: cuts.length,
    postponed: failed.size,
    moved,
  }
}

interface Decided {
  readonly revisions: readonly NewRevision[]
  readonly cuts: readonly TraceCut[]
  readonly moved: readonly TraceKey[]
}

/** A trace whose assembly throws is told in `failed`: it must not keep the others from being billed. */
async function decide(
  { assemble, settings, log }: CutterOptions,
  client: pg.PoolClient,
  traces: readonly DueTrace[],
  now: Date,
  failed: Map<DueTrace, string>,
): Promise<Decided> {
  if (traces.length === 0) return { revisions: [], cuts: [], moved: [] }
  const { usages, earlier, namedCustomers, statedUsage } = await readMaterial(client, traces)
  const attempt = <T>(trace: DueTrace, work: () => T): T[] => {
    try {
      return [work()]
    } catch (error) {
      log.error({ err: error, tenant: trace.tenantId, trace: trace.traceId }, 'trace cannot be assembled')
      failed.set(trace, 'assembly_failed')
      return []
    }
  }
  const cuts = traces.flatMap((trace) =>
    attempt(trace, () => {
      const key = keyOf(trace)
      const facts = { customer: namedCustomers.get(key) ?? null, usage: statedUsage.get(key) ?? [] }
      const ofTrace = usages.get(key)!
      return { trace, usages: ofTrace, assembly: assembleTrace(trace, ofTrace, facts, assemble) }
    }),
  )
  const { assemblies, moved } = await settleMirrors(client, cuts)
  const whole = cuts.map(({ trace }, i) => ({ trace, assembly: assemblies[i]! }))
  const homes = await readHomes(client, whole)
  const all = whole.map((each, i) => {
    return { ...each, home: homes[i]!, earlier: earlier.get(keyOf(each.trace)) ?? null }
  })
  const isAlone = ({ trace, home }: (typeof all)[number]) => home === null && trace.sessionEventId === null
  const own = all
    .filter(isAlone)
    .flatMap(({ trace, assembly, earlier: before }) =>
      attempt(trace, () => nextRevision(trace, assembly, before, settings, now.getTime())).flatMap(
        (revision) => (revision === null ? [] : { revision, cut: cutOfOwn(trace, revision) }),
      ),
    )
  const sessions = await settleSessions(
    client,
    all.filter((each) => !isAlone(each)),
    settings,
    now,
  )
  return {
    revisions: [...own.map(({ revision }) => revision), ...sessions.revisions],
    cuts: [...own.map(({ cut }) => cut), ...sessions.cuts],
    moved,
  }
}

/** A trace whose own event has it, as nearly all do. */
function cutOfOwn(trace: DueTrace, { assembly, eventId, time }: NewRevision): TraceCut {
  return { trace, assembly, eventId, eventTime: time, inSession: false, movedFrom: null }
}

/** After a transaction that failed for what one of its traces holds: finds that one and puts it off. */
async function cutOneByOne(options: CutterOptions, now: Date, limit: number): Promise<number> {
  for (let settled = 0; ; settled++) {
    if (settled === limit || (await undisturbed(() => cutOne(options, now))) === 0) return settled
  }
}

async function cutOne(options: CutterOptions, now: Date): Promise<number> {
  const { log, pool, metrics } = options
  const outcome = await transaction(pool, async (client) => {
    const traces = await claimDue(client, now, 1, SPANS_HELD_MAX)
    if (traces.length === 0) return NOTHING
    await client.query('savepoint one')
    try {
      return await settle(options, client, traces, now)
    } catch (error) {
      if (isPassing(error) || error instanceof LockedTooLittle) throw error
      await client.query('rollback to savepoint one')
      log.error({ err: error, trace: traces[0]!.traceId }, 'trace cannot be cut')
      await postpone(client, traces[0]!, 'cut_failed', now)
      return { ...NOTHING, settled: 1, postponed: 1 }
    }
  })
  count(metrics, outcome)
  return outcome.settled
}

/** Tells the metrics what a transaction did. */
export function count(metrics: ReceiverMetrics, { settled, revisions, changed, postponed }: Outcome): void {
  for (const { reason } of revisions) metrics.cut.inc({ reason })
  const unchanged = settled - changed - postponed
  if (unchanged > 0) metrics.unchanged.inc(unchanged)
  if (postponed > 0) metrics.postponed.inc(postponed)
}

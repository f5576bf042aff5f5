import type pg from 'pg'
import { ASSEMBLY_RULES } from '../../core/assembly-rules.ts'
import { AforoError } from '../../core/errors.ts'
import { eventIdOf } from '../../core/ids.ts'
import { isPassing } from '../../schema/faults.ts'
import { transaction } from '../../schema/pool.ts'
import { claimOlder, IS_OLDER, type OlderTraces } from './claim-older.ts'
import {
  type CutterOptions,
  count,
  type Outcome,
  SPANS_HELD_MAX,
  settleAll,
  TRACES_MAX,
  undisturbed,
} from './cutter.ts'
import { postpone } from './postpone.ts'
import type { NewRevision } from './revision.ts'
import { LockedTooLittle } from './sighting-locks.ts'
import type { DueTrace, TraceKey } from './trace.ts'

/** Which traces are cut again, page by page. */
export interface RecutOrder {
  /** Null: of all tenants. */
  readonly tenantId: string | null
  /** The last trace of the page before; null: from the first on. */
  readonly after: TraceKey | null
  readonly limit?: number
}

export interface RecutPage {
  /** The last trace of the page; null: there was none, all are done. */
  readonly last: TraceKey | null
  /** Traces in their order; those that came beside them are not counted where they are put back, and met again. */
  readonly traces: number
  /** Traces that could not be cut: listed as exceptions, and tried again later. */
  readonly failed: number
  /** What was written, or would be; put back are also revisions that another page counts, and these are left out. */
  readonly revisions: readonly NewRevision[]
}

/**
 * Cuts traces again that were cut with older rules of assembling. It is a cut like any other, in a transaction of its own:
 * what comes to the same is only marked, what differs is the next revision, and waits to be rated. Each trace is marked by
 * what cut it, so a run that was ended goes on where it was; any number may run beside cutters.
 *
 * @throws AforoError `unavailable` where the database is away: nothing of the page has changed then
 */
export async function recutPage(options: CutterOptions, order: RecutOrder, now: Date): Promise<RecutPage> {
  const page = await togetherOrApart(order, (limit) => {
    return transaction(options.pool, (client) => settlePage(options, client, { ...order, limit }, now, true))
  })
  const { traces, beside, outcome, failed } = page
  if (outcome !== null) count(options.metrics, outcome)
  const revisions = outcome?.revisions ?? []
  return { last: traces.at(-1) ?? null, traces: traces.length + beside.length, failed, revisions }
}

/** The same page, and everything put back. */
export async function previewPage(options: CutterOptions, order: RecutOrder, now: Date): Promise<RecutPage> {
  const page = await togetherOrApart(order, (limit) =>
    transaction(options.pool, async (client) => {
      await client.query('savepoint preview')
      const settled = await settlePage(options, client, { ...order, limit }, now, false)
      await client.query('rollback to savepoint preview')
      return settled
    }),
  )
  const { traces, failed } = page
  return { last: traces.at(-1) ?? null, traces: traces.length, failed, revisions: revisionsHere(page) }
}

/** All of a page, or where that fails for what one of its traces holds, its first trace alone. */
async function togetherOrApart<T>(order: RecutOrder, work: (limit: number) => Promise<T>): Promise<T> {
  try {
    return await undisturbed(() => work(order.limit ?? TRACES_MAX))
  } catch (error) {
    if (error instanceof AforoError && error.retryable) throw error
    return undisturbed(() => work(1))
  }
}

interface Settled extends OlderTraces {
  readonly outcome: Outcome | null
  readonly failed: number
}

/** Where a page of one trace fails, that is put off with what came beside it, and listed, as a cutter does. */
async function settlePage(
  options: CutterOptions,
  client: pg.PoolClient,
  { tenantId, after, limit }: RecutOrder & { readonly limit: number },
  now: Date,
  isWritten: boolean,
): Promise<Settled> {
  const claimed = await claimOlder(client, { tenantId, after, limit, spansMax: SPANS_HELD_MAX })
  const all = [...claimed.traces, ...claimed.beside]
  if (all.length === 0) return { ...claimed, outcome: null, failed: 0 }
  await client.query('savepoint page')
  try {
    const outcome = await settleAll(options, client, all, now)
    return { ...claimed, outcome, failed: outcome.postponed }
  } catch (error) {
    if (limit > 1 || isPassing(error) || error instanceof LockedTooLittle) throw error
    await client.query('rollback to savepoint page')
    for (const trace of all) {
      options.log.error({ err: error, trace: trace.traceId }, 'trace cannot be cut')
      if (isWritten) await postpone(client, trace, 'cut_failed', now)
    }
    return { ...claimed, outcome: null, failed: all.length }
  }
}

/**
 * The revisions that a page counts: not those of traces that came beside it and are met again, nor of traces of older
 * rules that its own moved.
 */
function revisionsHere({ traces, beside, outcome }: Settled): readonly NewRevision[] {
  const here = new Set(traces.map(eventOf))
  const elsewhere = new Set(beside.map(eventOf).filter((event) => !here.has(event)))
  return (outcome?.revisions ?? []).filter(({ tenantId, eventId, reason }, no) =>
    no < outcome!.own ? !elsewhere.has(`${tenantId}/${eventId}`) : reason !== 'newer_rules',
  )
}

function eventOf({ tenantId, traceId, sessionEventId }: DueTrace): string {
  return `${tenantId}/${sessionEventId ?? eventIdOf(traceId)}`
}

/** How many traces were cut with older rules, and are not due. */
export async function countOlder(pool: pg.Pool, tenantId: string | null): Promise<number> {
  const { rows } = await pool.query<{ count: string }>(
    `select count(*)::text as count from aforo_store.traces
     where ${IS_OLDER} and ($2::text is null or tenant_id = $2)`,
    [ASSEMBLY_RULES, tenantId],
  )
  return Number(rows[0]!.count)
}

import type pg from 'pg'
import type { Registry } from 'prom-client'
import { AforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import { type Log, SILENT } from '../../core/log.ts'
import type { HoldUse } from '../../core/open-trace.ts'
import { countChanges, forgetSightings } from '../../schema/budgets/count.ts'
import { type SpendTrace, tryLockTraces, tryProject, tryShareBudgets } from '../../schema/budgets/lock.ts'
import { queueTraces, unqueueTraces } from '../../schema/budgets/queue.ts'
import { BudgetShelf, type TenantBudgets } from '../../schema/budgets/shelf.ts'
import { databaseFault } from '../../schema/faults.ts'
import { transaction } from '../../schema/pool.ts'
import { PlanShelf } from '../plans/plan-shelf.ts'
import type { Sources } from '../prepare.ts'
import { createPricing } from '../pricing.ts'
import { claimQueued, dequeue, postponeQueued, type QueuedTrace, readSizes } from './claim.ts'
import {
  type AssembleOpen,
  FAILED_PAUSE_MS,
  LOOK_SPANS_MAX,
  LOOK_TRACES_MAX,
  lookAt,
  RETRY_MS,
} from './look.ts'
import { createRunningMetrics } from './metrics.ts'
import { pauseMs } from './pause.ts'
import { queueForgotten } from './sweep.ts'
import { ToldHolds } from './told-holds.ts'

/** Keeps what open traces count for against budgets. Any number may run beside each other, and beside raters. */
export interface Projector {
  /**
   * Looks at traces whose spans came since they were looked at, of tenants with budgets, in one transaction.
   * @returns how many were looked at; 0 where nothing waits
   * @throws AforoError `unavailable` where the database is away: nothing has changed then
   */
  project(now: Date): Promise<number>
}

export interface ProjectorParts {
  readonly pool: pg.Pool
  readonly assembleOpen: AssembleOpen
  readonly log?: Log
  readonly registry?: Registry
}

/** How often it is looked whether anything was left behind, and whether there are tenants with budgets at all. */
const SWEEP_MS = 1_000

/** Holds that a turn ends, by tenant. */
type Ended = Map<TenantId, readonly HoldUse[]>

export function createProjector({ pool, assembleOpen, log = SILENT, registry }: ProjectorParts): Projector {
  const metrics = createRunningMetrics(registry)
  const budgets = new BudgetShelf()
  const toldHolds = new ToldHolds()
  const sources: Sources = { shelf: new PlanShelf(), pricing: createPricing() }
  let sweptMs = Number.NEGATIVE_INFINITY
  let isAsleep = false

  /** One look at an index where nothing waits, and one a second where nobody has a budget. */
  async function isIdle(now: Date): Promise<boolean> {
    const since = Math.abs(now.getTime() - sweptMs)
    if (since >= SWEEP_MS) {
      sweptMs = now.getTime()
      isAsleep = !(await queueForgotten(pool, now))
    }
    if (isAsleep && since < SWEEP_MS) return true
    try {
      const { rows } = await pool.query<{ waits: boolean }>({
        name: 'running_waits',
        text: 'select exists (select from aforo_store.spend_queue where not_before <= $1) as waits',
        values: [now],
      })
      return !rows[0]!.waits
    } catch (error) {
      throw databaseFault(error)
    }
  }

  async function turn(now: Date, only: SpendTrace | null): Promise<number> {
    let claimed: readonly QueuedTrace[] = []
    const ended: Ended = new Map()
    try {
      const done = await transaction(pool, async (client) => {
        claimed = await claimQueued(client, now, only)
        return claimed.length === 0 ? 0 : projectClaimed(client, claimed, ended, now)
      })
      for (const [tenantId, told] of ended) toldHolds.remember(tenantId, told)
      metrics.projected(done)
      return done
    } catch (error) {
      if (claimed.length === 0 || isPassing(error)) throw error
      if (only === null) return apart(claimed, now)
      log.error({ err: error, tenant: only.tenantId, trace: only.traceId }, 'open trace could not be counted')
      metrics.failed(1)
      await transaction(pool, (client) => putOff(client, claimed, now))
      return 1
    }
  }

  async function apart(claimed: readonly QueuedTrace[], now: Date): Promise<number> {
    let done = 0
    for (const only of claimed) done += await turn(now, only)
    return done
  }

  async function projectClaimed(
    client: pg.PoolClient,
    claimed: readonly QueuedTrace[],
    ended: Ended,
    now: Date,
  ): Promise<number> {
    const shared = await tryShareBudgets(
      client,
      claimed.map(({ tenantId }) => tenantId),
    )
    const tenants = [...shared]
    // Who makes a budget has it filled from history first; nobody else's traces wait behind.
    const until = new Date(now.getTime() + CHANGING_MS)
    await postponeQueued(
      client,
      claimed.filter(({ tenantId }) => !shared.has(tenantId)).map((trace) => ({ trace, until })),
    )
    const known = await budgets.read(client, tenants)
    const mine = await tryProject(client, tenants)
    const { ready, settled, later } = await choose(
      client,
      claimed.filter(({ tenantId }) => mine.has(tenantId)),
      known,
      now,
    )
    await postponeQueued(client, later)
    const held = await tryLockTraces(client, ready)
    await dequeue(client, [...settled, ...held])
    if (held.length === 0) return settled.length
    const names = new Set(held.map(nameOf))
    const hold = async (more: readonly SpendTrace[]) => {
      const free = await tryLockTraces(
        client,
        more.filter((trace) => !names.has(nameOf(trace))),
      )
      for (const trace of free) names.add(nameOf(trace))
      await unqueueTraces(client, free)
      return more.filter((trace) => names.has(nameOf(trace)))
    }
    const { changes, holds, missed, failed } = await lookAt(client, sources, assembleOpen, held, hold, now)
    await queueTraces(client, missed, new Date(now.getTime() + RETRY_MS))
    await queueTraces(client, failed, new Date(now.getTime() + FAILED_PAUSE_MS))
    metrics.failed(failed.length)
    await forgetSightings(
      client,
      changes.filter(({ after }) => after === null).map(({ trace }) => trace),
    )
    for (const [tenantId, told] of holds) ended.set(tenantId, toldHolds.fresh(tenantId, told))
    await countChanges(client, known, { open: changes, rated: [], holds: ended }, now)
    return settled.length + held.length
  }

  return {
    async project(now) {
      return (await isIdle(now)) ? 0 : turn(now, null)
    },
  }
}

/** Those of a tenant of whom a budget begins or ends are tried again after this. */
const CHANGING_MS = 100
interface Choice {
  /** Of no tenant with budgets, or without usage: there is nothing to count. */
  readonly settled: readonly QueuedTrace[]
  readonly ready: readonly QueuedTrace[]
  readonly later: readonly { readonly trace: QueuedTrace; readonly until: Date }[]
}

/** Which traces to look at now: as many as fit, and none so soon again that looking at it takes all the time. */
async function choose(
  client: pg.PoolClient,
  claimed: readonly QueuedTrace[],
  known: ReadonlyMap<TenantId, TenantBudgets>,
  now: Date,
): Promise<Choice> {
  const sizes = await readSizes(client, claimed)
  const settled: QueuedTrace[] = []
  const ready: QueuedTrace[] = []
  const later: { trace: QueuedTrace; until: Date }[] = []
  let spans = 0
  claimed.forEach((trace, i) => {
    const size = sizes[i]!
    if (size === null || !known.has(trace.tenantId)) {
      settled.push(trace)
      return
    }
    const until = (size.projectedMs ?? Number.NEGATIVE_INFINITY) + pauseMs(size.spans)
    if (until > now.getTime()) later.push({ trace, until: new Date(until) })
    else if (ready.length === 0 || (ready.length < LOOK_TRACES_MAX && spans + size.spans <= LOOK_SPANS_MAX)) {
      spans += size.spans
      ready.push(trace)
    }
  })
  return { settled, ready, later }
}

async function putOff(client: pg.PoolClient, claimed: readonly QueuedTrace[], now: Date): Promise<void> {
  const until = new Date(now.getTime() + FAILED_PAUSE_MS)
  await postponeQueued(
    client,
    claimed.map((trace) => ({ trace, until })),
  )
}

/** A deadlock is nobody's fault: what was claimed is in the queue still. */
function isPassing(error: unknown): boolean {
  return error instanceof AforoError && error.retryable
}

function nameOf({ tenantId, traceId }: SpendTrace): string {
  return `${tenantId} ${traceId}`
}

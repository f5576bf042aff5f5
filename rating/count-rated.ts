import type pg from 'pg'
import type { TenantId } from '../core/ids.ts'
import { minusSpend, NO_SPEND } from '../core/spending.ts'
import { countChanges, forgetSightings, type OpenChange, type RatedChange } from '../schema/budgets/count.ts'
import { lockCounting, lockTraces, type SpendTrace, shareBudgets } from '../schema/budgets/lock.ts'
import {
  afterRating,
  type OpenSpend,
  ofTrace,
  type RatedPart,
  readOpenSpend,
} from '../schema/budgets/open-spend.ts'
import { queueTraces, readQueued, unqueueTraces } from '../schema/budgets/queue.ts'
import { readRated } from '../schema/budgets/rated.ts'
import type { BudgetShelf } from '../schema/budgets/shelf.ts'
import { readWaiting, type Waiting } from '../schema/budgets/waiting.ts'
import type { Sources } from './prepare.ts'
import type { RatedEvent } from './rate-event.ts'
import { type AssembleOpen, FAILED_PAUSE_MS, type Looked, lookAt } from './running/look.ts'
import { type Member, priceMembers, readContributors } from './running/members.ts'

/** What counting reads from, kept from batch to batch; without an assembler no trace is looked at here. */
export interface CountParts {
  readonly budgets: BudgetShelf
  readonly sources: Sources
  readonly assembleOpen: AssembleOpen | undefined
}

/**
 * Moves the counters of budgets by what a batch was rated with, in the transaction of the rating, behind everything it
 * wrote. What a trace counted for while it was open gives way to what ratings hold of it, so that in all it counts for
 * what it counted for before; once all of it is rated it counts for nothing else. A trace that nobody had looked at is looked
 * at here, as the projector would: what its holds held, and what other traces count of its calls, goes as its rating comes.
 * Tenants without budgets are left alone.
 * @param unseen tenants that have such traces; nobody else counts for them meanwhile
 */
export async function countRated(
  client: pg.PoolClient,
  { budgets: shelf, sources, assembleOpen }: CountParts,
  rated: readonly RatedEvent[],
  unseen: ReadonlySet<TenantId>,
  now: Date,
): Promise<void> {
  const tenants = [...new Set(rated.map(({ event }) => event.tenantId))]
  await shareBudgets(client, tenants)
  const budgets = await shelf.read(client, tenants)
  const counted = rated.filter(({ event }) => budgets.has(event.tenantId))
  if (counted.length === 0) return
  await lockCounting(client, [...budgets.keys()], unseen)
  const tracesOf = await tracesOfEvents(client, counted)
  const traces = [...new Map(tracesOf.flat().map((trace) => [nameOf(trace), trace])).values()]
  await lockTraces(client, traces)
  const changes = await readChanges(client, counted)
  const seen =
    assembleOpen === undefined
      ? NOTHING_SEEN
      : await lookAtQueued(
          client,
          sources,
          assembleOpen,
          traces.filter(({ tenantId }) => unseen.has(tenantId)),
          now,
        )
  const isSeen = new Set(seen.changes.map(({ trace }) => nameOf(trace)))
  const open = new Map((await readOpenSpend(client, traces)).map((found, i) => [nameOf(traces[i]!), found]))
  const touched = tracesOf.flatMap((found, i) =>
    found
      .filter((trace) => !isSeen.has(nameOf(trace)) && (trace.isChanged || open.get(nameOf(trace)) != null))
      .map((trace) => ({ trace, event: counted[i]!, change: changes[i]! })),
  )
  const counts = await settleTraces(client, sources, touched, open, now)
  const over = seen.changes.filter(({ after }) => after === null).map(({ trace }) => trace)
  await forgetSightings(client, [...counts.done, ...over])
  await queueTraces(client, [...counts.again, ...seen.missed])
  await queueTraces(client, seen.failed, new Date(now.getTime() + FAILED_PAUSE_MS))
  const all = { open: [...counts.open, ...seen.changes], rated: changes, holds: seen.holds }
  await countChanges(client, budgets, all, now)
}

const NOTHING_SEEN: Looked = { changes: [], holds: new Map(), missed: [], failed: [] }

/**
 * Looks at those of traces that wait, and at others that tell of the same calls: of their tenants nobody else counts
 * (`lockCounting`), so that all of them are free. They are taken off the queue first: what comes meanwhile waits on.
 */
async function lookAtQueued(
  client: pg.PoolClient,
  sources: Sources,
  assembleOpen: AssembleOpen,
  traces: readonly SpendTrace[],
  now: Date,
): Promise<Looked> {
  const queued = await readQueued(client, traces)
  if (queued.length === 0) return NOTHING_SEEN
  await unqueueTraces(client, queued)
  const hold = async (more: readonly SpendTrace[]) => {
    await unqueueTraces(client, more)
    return more
  }
  return lookAt(client, sources, assembleOpen, queued, hold, now)
}

/** A trace that an event has or had, and whether what it has of it is changed by the revision that was rated. */
interface TraceOfEvent extends SpendTrace {
  readonly isChanged: boolean
}

/** The traces that are rated with each event: one, or those that the event of a session joins, or that have left it. */
async function tracesOfEvents(
  client: pg.PoolClient,
  rated: readonly RatedEvent[],
): Promise<readonly (readonly TraceOfEvent[])[]> {
  const sessions = rated.filter(({ assembly }) => assembly.joined !== undefined)
  const contributors = await readContributors(
    client,
    sessions.map(({ event }) => event),
  )
  const changed = new Map(sessions.map((event, i) => [event, contributors[i]!]))
  return rated.map((event) => {
    const { tenantId, traceId } = event.event
    const brought = changed.get(event)
    if (brought === undefined) return [{ tenantId, traceId: traceId.toString('hex'), isChanged: true }]
    const joined = event.assembly.joined!.traces.map((trace) => trace.traceId)
    return [...new Set([...joined, ...brought])].map((id) => {
      return { tenantId, traceId: id, isChanged: brought.has(id) }
    })
  })
}

/** What events were rated with before this revision, and are now, in their order. */
async function readChanges(
  client: pg.PoolClient,
  rated: readonly RatedEvent[],
): Promise<readonly RatedChange[]> {
  const keys = rated.map(({ event: { tenantId, eventId, time, revision } }) => {
    return { tenantId, eventId, time, below: revision + 1 }
  })
  const after = await readRated(client, keys)
  const later = rated.flatMap(({ event }, i) => (event.revision > 0 ? [i] : []))
  const earlier = await readRated(
    client,
    later.map((i) => ({ ...keys[i]!, below: keys[i]!.below - 1 })),
  )
  const before = new Map(later.map((i, at) => [i, earlier[at]!]))
  return keys.map((_, i) => ({ before: before.get(i) ?? null, after: after[i]! }))
}

/** A trace of an event that was rated, with what the event was rated with. */
interface Touched {
  readonly trace: TraceOfEvent
  readonly event: RatedEvent
  readonly change: RatedChange
}

interface TraceCounts {
  readonly open: readonly OpenChange[]
  /** Those of which all is rated. */
  readonly done: readonly SpendTrace[]
  /** Those that are to be looked at: whether they have their calls, and what they cost by now. */
  readonly again: readonly SpendTrace[]
}

async function settleTraces(
  client: pg.PoolClient,
  sources: Sources,
  touched: readonly Touched[],
  open: ReadonlyMap<string, OpenSpend | null>,
  now: Date,
): Promise<TraceCounts> {
  const groups = [...Map.groupBy(touched, ({ trace }) => nameOf(trace)).values()]
  const waiting = await readWaiting(
    client,
    groups.map((group) => group[0]!.trace),
  )
  const done: SpendTrace[] = []
  const changes: OpenChange[] = []
  const kept: { readonly before: OpenSpend | null; readonly group: readonly Touched[] }[] = []
  groups.forEach((group, i) => {
    const { trace } = group[0]!
    const before = open.get(nameOf(trace)) ?? null
    if (isLookedAt(waiting[i]!) && before?.mirrored !== true) {
      done.push(trace)
      changes.push({ trace, before, after: null })
    } else if (before !== null || isMoving(group, waiting[i]!)) kept.push({ before, group })
  })
  const parts = await partsOf(
    client,
    sources,
    kept.flatMap(({ group }) => group),
    now,
  )
  const again: SpendTrace[] = []
  for (const { before, group } of kept) {
    const { trace, change } = group[0]!
    const after = afterRating(
      before ?? nothingOf(trace, change),
      group.map((each) => parts.get(each)!),
    )
    changes.push({ trace, before, after })
    const isOfSession = group.some((each) => each.event.assembly.joined !== undefined && each.trace.isChanged)
    if (after.mirrored || before === null || isOfSession) again.push(trace)
  }
  return { open: changes, done, again }
}

function isLookedAt({ isDue, events }: Waiting): boolean {
  return !isDue && events.length === 0
}

/**
 * Whether a trace that counts for nothing beyond its ratings goes from one event to another, of which this batch rates
 * one alone: what that takes away or brings waits for the other.
 */
function isMoving(group: readonly Touched[], { events }: Waiting): boolean {
  const rated = group.filter(({ trace }) => trace.isChanged).map(({ event }) => event.event.eventId)
  return new Set([...rated, ...events]).size > 1
}

function nothingOf({ traceId }: SpendTrace, { after }: RatedChange): OpenSpend {
  const total = { placement: ofTrace(after.placement, traceId), spend: NO_SPEND }
  return { total, takenBack: new Map(), spans: 0, mirrored: false }
}

/**
 * By how much the ratings of events change what they hold of traces. A trace that a session's event has as it had it
 * before counts for as much there, but where the event counts now.
 */
async function partsOf(
  client: pg.PoolClient,
  sources: Sources,
  touched: readonly Touched[],
  now: Date,
): Promise<ReadonlyMap<Touched, RatedPart>> {
  const brought = touched.filter(({ trace, event }) => event.assembly.joined !== undefined && trace.isChanged)
  const members = brought.map(({ trace, event }): Member => ({ ...trace, event: event.event }))
  const spends = await priceMembers(client, sources, members, now)
  const spendOf = new Map(brought.map((each, i) => [each, spends[i]!]))
  return new Map(
    touched.map((each) => {
      const { event, change } = each
      const { placement } = change.after
      const isOfSession = event.assembly.joined !== undefined
      const spend = isOfSession
        ? (spendOf.get(each) ?? NO_SPEND)
        : minusSpend(change.after.spend, change.before?.spend ?? NO_SPEND)
      return [each, { eventId: event.event.eventId, placement, spend }]
    }),
  )
}

function nameOf({ tenantId, traceId }: SpendTrace): string {
  return `${tenantId} ${traceId}`
}

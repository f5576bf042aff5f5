import type pg from 'pg'
import { addSpend, type SpendEntry } from '../core/spending.ts'
import { countChanges, forgetSightings, queueTraces, type SpendChange } from '../schema/budgets/count.ts'
import { lockTraces, type SpendTrace, shareBudgets } from '../schema/budgets/lock.ts'
import { beyond, keysOf, type OpenSpend, readOpenSpend } from '../schema/budgets/open-spend.ts'
import { readRated } from '../schema/budgets/rated.ts'
import type { BudgetShelf } from '../schema/budgets/shelf.ts'
import type { RatedEvent } from './rate-event.ts'

/**
 * Moves the counters of budgets by what a batch was rated with, in the transaction of the rating, behind everything it
 * wrote. What a trace counted for while it was open gives way to its ratings. Tenants without budgets are left alone.
 */
export async function countRated(
  client: pg.PoolClient,
  shelf: BudgetShelf,
  rated: readonly RatedEvent[],
  now: Date,
): Promise<void> {
  const tenants = [...new Set(rated.map(({ event }) => event.tenantId))]
  await shareBudgets(client, tenants)
  const budgets = await shelf.read(client, tenants)
  const counted = rated.filter(({ event }) => budgets.has(event.tenantId))
  if (counted.length === 0) return
  const events = counted.map(({ event }) => event)
  const traces = events.map(({ tenantId, traceId }) => ({ tenantId, traceId: traceId.toString('hex') }))
  const members = membersOf(counted)
  await lockTraces(client, [...traces, ...members])
  const keys = events.map(({ tenantId, eventId, time, revision }) => {
    return { tenantId, eventId, time, below: revision + 1 }
  })
  const after = await readRated(client, keys)
  const later = keys.filter(({ below }) => below > 1).map((key) => ({ ...key, below: key.below - 1 }))
  const before = await readRated(client, later)
  const beforeOf = new Map(later.map((key, i) => [eventName(key), before[i]!]))
  const open = await readOpenSpend(client, traces)
  const isSettled = await readSettled(
    client,
    events.map(({ revision }, i) => ({ ...traces[i]!, revision })),
    'own',
  )
  const changes = traces.map((trace, i): SpendChange => {
    const ofRated = { before: beforeOf.get(eventName(events[i]!)) ?? null, after: after[i]! }
    // What traces of a session count for while they are open is none of what their event was rated with.
    if (counted[i]!.assembly.joined !== undefined) return { trace, rated: ofRated, open: NOT_OPEN }
    return { trace, rated: ofRated, open: openChange(open[i]!, ofRated, isSettled(trace)) }
  })
  const ofSessions = await settleMembers(client, members, changes)
  changes.push(...ofSessions.changes)
  const settled = changes
    .filter(({ trace, open }) => open !== NOT_OPEN && open.after === null && isSettled(trace))
    .map(({ trace }) => trace)
  await forgetSightings(client, [...settled, ...ofSessions.done])
  const mirrored = changes.filter(({ open }) => open.after?.mirrored === true)
  await queueTraces(client, [...mirrored.map(({ trace }) => trace), ...ofSessions.open])
  await countChanges(client, budgets, changes, now)
}

const NOT_OPEN: SpendChange['open'] = { before: null, after: null }

/** A trace that an event of a session joins, and the revision that was rated. */
interface Member extends SpendTrace {
  readonly revision: number
}

/** The traces that rated events of sessions join. */
function membersOf(rated: readonly RatedEvent[]): readonly Member[] {
  return rated.flatMap(({ event: { tenantId, revision }, assembly }) =>
    (assembly.joined?.traces ?? []).map(({ traceId }) => ({ tenantId, traceId, revision })),
  )
}

interface Members {
  /** Those of which all is rated. */
  readonly done: readonly SpendTrace[]
  /** Those that count for something beyond: how much that is now is looked at next. */
  readonly open: readonly SpendTrace[]
  readonly changes: readonly SpendChange[]
}

/** Traces of sessions that are settled count for nothing beyond what their event is rated with. */
async function settleMembers(
  client: pg.PoolClient,
  members: readonly Member[],
  changes: readonly SpendChange[],
): Promise<Members> {
  const told = new Set(changes.filter(({ open }) => open !== NOT_OPEN).map(({ trace }) => nameOf(trace)))
  const left = members.filter((trace) => !told.has(nameOf(trace)))
  if (left.length === 0) return { done: [], open: [], changes: [] }
  const open = await readOpenSpend(client, left)
  const isSettled = await readSettled(client, left, 'session')
  const isDone = (trace: SpendTrace, i: number) => isSettled(trace) && open[i]?.mirrored !== true
  return {
    done: left.filter(isDone),
    open: left.filter((trace, i) => open[i] !== null && !isDone(trace, i)),
    changes: left.flatMap((trace, i): SpendChange[] => {
      const before = open[i] ?? null
      if (before === null || !isDone(trace, i)) return []
      return [{ trace, rated: { before: null, after: null }, open: { before, after: null } }]
    }),
  }
}

function eventName({ tenantId, eventId }: { readonly tenantId: string; readonly eventId: string }): string {
  return `${tenantId} ${eventId}`
}

/**
 * A trace all of whose spans are rated counts for nothing beyond. Of any other it stays as it is what it comes to in
 * all, and so of one whose calls other traces tell of: whether they have them is looked at next.
 */
function openChange(
  before: OpenSpend | null,
  rated: SpendChange['rated'],
  isSettled: boolean,
): SpendChange['open'] {
  if (before === null || (isSettled && !before.mirrored)) return { before, after: null }
  return { before, after: beyond(totalOf(before, rated.before), rated.after, before) }
}

/** What an open trace comes to in all. */
function totalOf({ now, takenBack }: OpenSpend, rated: SpendEntry | null): SpendEntry {
  if (takenBack !== null || rated === null) return now
  return { placement: now.placement, spend: addSpend(now.spend, rated.spend) }
}

/** Tells traces that are not due again, and of whose event, its own or a session's, no later revision waits. */
async function readSettled(
  client: pg.PoolClient,
  traces: readonly Member[],
  event: 'own' | 'session',
): Promise<(trace: SpendTrace) => boolean> {
  const { rows } = await client.query<{ tenant_id: string; trace_id: string }>({
    name: 'rating_unsettled',
    text: `select key.tenant_id, key.trace_id
      from unnest($1::text[], $2::text[], $3::integer[]) as key (tenant_id, trace_id, revision)
      cross join lateral (
        select * from aforo_store.traces trace
        where trace.tenant_id = key.tenant_id and trace.trace_id = decode(key.trace_id, 'hex') offset 0) trace
      left join lateral (
        select revision from aforo_store.session_events s
        where s.tenant_id = key.tenant_id and s.event_id = trace.session_event_id offset 0) session on true
      where trace.cut_due_at is not null
        or case when $4 then trace.revision > key.revision else session.revision > key.revision end`,
    values: [...keysOf(traces), traces.map(({ revision }) => revision), event === 'own'],
  })
  const unsettled = new Set(rows.map((row) => nameOf({ tenantId: row.tenant_id, traceId: row.trace_id })))
  return (trace) => !unsettled.has(nameOf(trace))
}

function nameOf({ tenantId, traceId }: SpendTrace): string {
  return `${tenantId} ${traceId}`
}

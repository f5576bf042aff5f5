import type pg from 'pg'
import type { Assembly } from '../../core/assembly.ts'
import { assemblyFromDocument } from '../../core/assembly-document.ts'
import { eventIdOf, type TraceId } from '../../core/ids.ts'
import { rfc3339, type UnixNano } from '../../core/time.ts'
import { byStart, joinTraces, movedInto } from '../sessions/join.ts'
import { placeFor } from '../sessions/place.ts'
import { MICROS } from './claim.ts'
import { type EventKey, readEarlierOf } from './read.ts'
import { cutReason } from './reason.ts'
import {
  type EarlierRevisions,
  eventNano,
  isDemanded,
  isSameDocument,
  type NewRevision,
  ownRevision,
  packedDocument,
  type TraceCut,
} from './revision.ts'
import type { SessionHome } from './session-homes.ts'
import {
  addSessionEvents,
  lockSessionEvents,
  type NewContribution,
  newSessionEvent,
  readContributions,
  type SessionEvent,
  type SessionEventChange,
  updateSessionEvents,
  writeContributions,
} from './session-rows.ts'
import type { CutSettings } from './settings.ts'
import { differenceOf, NO_TOTALS, totalsOf } from './totals.ts'
import type { DueTrace } from './trace.ts'

/** A trace that a session's event has or is to have. */
export interface TraceOfSession {
  readonly trace: DueTrace
  readonly assembly: Assembly
  /** Null: no session is to have it any more. */
  readonly home: SessionHome | null
  /** Of its own event, where that has it until now. */
  readonly earlier: EarlierRevisions | null
}

/** What is written for traces of sessions. */
export interface SettledSessions {
  readonly revisions: readonly NewRevision[]
  readonly cuts: readonly TraceCut[]
}

/** A trace with the events that had it and are to have it; null: its own. */
interface Move extends TraceOfSession {
  readonly from: string | null
  readonly to: string | null
  /** Whether it changed, or is asked for, or moves. */
  changed: boolean
}

/**
 * Brings traces that are cut into the events of their sessions, or out of them: the next revision of each event that
 * changes, and of the own events of traces that move. An event is read and joined under the lock of its row, so that of
 * two cutters that settle traces of one session the second joins what the first brought.
 */
export async function settleSessions(
  client: pg.PoolClient,
  traces: readonly TraceOfSession[],
  settings: CutSettings,
  now: Date,
): Promise<SettledSessions> {
  if (traces.length === 0) return { revisions: [], cuts: [] }
  const { events, moves } = await place(client, traces)
  const revisions: NewRevision[] = []
  const contributions: NewContribution[] = []
  const changes: SessionEventChange[] = []
  const timeOf = new Map<string, string>()
  for (const event of events.values()) {
    const told = await tellEvent(client, event, moves, settings, now)
    if (told.revision !== null) revisions.push(told.revision)
    contributions.push(...told.contributions)
    changes.push(told.change)
    timeOf.set(keyOfEvent(event), told.change.time)
  }
  const own = await tellOwn(client, moves, settings, now)
  await updateSessionEvents(client, changes)
  await writeContributions(client, contributions, now)
  const cuts = moves.filter(({ changed }) => changed).map((move) => cutOf(move, timeOf, own))
  return { revisions: [...revisions, ...own], cuts }
}

/** Locks the events and finds each trace its place, in the order of their starts. */
async function place(
  client: pg.PoolClient,
  traces: readonly TraceOfSession[],
): Promise<{ readonly events: ReadonlyMap<string, SessionEvent>; readonly moves: readonly Move[] }> {
  const wanted = traces.flatMap(({ trace, home }) =>
    home === null ? [] : { tenantId: trace.tenantId, home },
  )
  const held = traces.flatMap(({ trace: { tenantId, sessionEventId } }) =>
    sessionEventId === null ? [] : { tenantId, eventId: sessionEventId },
  )
  const known = new Map(
    (await lockSessionEvents(client, wanted, held)).map((event) => [keyOfEvent(event), event]),
  )
  const touched = new Map<string, SessionEvent>()
  const added: SessionEvent[] = []
  const moves = traces.toSorted(inOrder).map((given): Move => {
    const { trace, assembly, home } = given
    const { tenantId, sessionEventId: from } = trace
    const current = from === null ? undefined : known.get(keyOfEvent({ tenantId, eventId: from }))
    if (current !== undefined) touched.set(keyOfEvent(current), current)
    if (home === null) return { ...given, from, to: null, changed: true }
    if (current?.home.key === home.key) return { ...given, from, to: from, changed: false }
    const places = [...known.values()].filter(
      (event) => event.tenantId === tenantId && event.home.key === home.key,
    )
    const startNano = eventNano(assembly, trace)
    let target = placeFor(places, startNano, assembly.spanIds.length)
    if (target === null) {
      target = newSessionEvent(tenantId, home, 1 + Math.max(...places.map((event) => event.place)))
      added.push(target)
    }
    const filled = withTrace(target, startNano, assembly.spanIds.length)
    known.set(keyOfEvent(filled), filled)
    touched.set(keyOfEvent(filled), filled)
    return { ...given, from, to: filled.eventId, changed: true }
  })
  await addSessionEvents(client, added)
  return { events: touched, moves }
}

/** An event as it is once a trace has joined it. */
function withTrace(event: SessionEvent, startNano: UnixNano, spans: number): SessionEvent {
  return {
    ...event,
    timeNano: event.timeNano ?? startNano,
    time: event.time ?? rfc3339(startNano),
    traceCount: event.traceCount + 1,
    spanCount: event.spanCount + spans,
  }
}

function inOrder(a: TraceOfSession, b: TraceOfSession): number {
  return byStart(memberOf(a), memberOf(b))
}

function memberOf({ trace, assembly }: TraceOfSession): { traceId: TraceId; assembly: Assembly } {
  return { traceId: trace.traceId, assembly }
}

interface Told {
  /** Null: the event says already what it should. */
  readonly revision: NewRevision | null
  readonly contributions: readonly NewContribution[]
  readonly change: SessionEventChange
}

/** The next revision of a session's event, with what the traces that are cut bring to it or take away. */
async function tellEvent(
  client: pg.PoolClient,
  event: SessionEvent,
  moves: readonly Move[],
  settings: CutSettings,
  now: Date,
): Promise<Told> {
  const { tenantId, eventId, home } = event
  const isHere = (move: Move) =>
    move.trace.tenantId === tenantId && (move.from === eventId || move.to === eventId)
  const stored = new Map((await readContributions(client, event)).map((row) => [row.traceId, row.document]))
  const members = new Map([...stored].map(([id, document]) => [id, assemblyFromDocument(document)]))
  const brought = moves.filter(isHere).flatMap((move) => {
    const { trace, assembly, from, to } = move
    const document = to === eventId ? packedDocument(assembly) : null
    if (to === eventId) members.set(trace.traceId, assembly)
    else members.delete(trace.traceId)
    const isSame = from === to && isSameDocument(document, stored.get(trace.traceId))
    if (isSame && !isDemanded(trace)) return []
    move.changed = true
    return [{ move, document }]
  })
  const earlier =
    event.revision < 0 ? null : await readEvent(client, { tenantId, eventId, time: event.time! })
  const traces = [...members].map(([traceId, assembly]) => ({ traceId, assembly })).sort(byStart)
  const last = brought.at(-1)?.move
  const assembly = joinTraces(traces, home, boundsBefore(earlier, last))
  const document = packedDocument(assembly)
  const isTold = earlier !== null && isSameDocument(document, earlier.document)
  const isWanted = !isTold || brought.some(({ move }) => isDemanded(move.trace))
  const eventRevision = event.revision + (last !== undefined && isWanted ? 1 : 0)
  const reasonOf = (move: Move) => cutReason(move.trace, settings, now.getTime())
  const revision =
    eventRevision === event.revision
      ? null
      : {
          tenantId,
          eventId,
          traceId: traces[0]?.traceId ?? last!.trace.traceId,
          revision: eventRevision,
          reason: reasonOf(brought.find(({ move }) => reasonOf(move) !== 'completed')?.move ?? last!),
          time: event.time!,
          assembly,
          document,
          difference: differenceOf(totalsOf(assembly), earlier?.totals ?? NO_TOTALS),
        }
  const contributions = brought.map(({ move, document }) => ({
    tenantId,
    eventId,
    traceId: move.trace.traceId,
    cut: move.trace.revision + 1,
    eventRevision,
    reason: reasonOf(move),
    ownTold: tellsOwn(move),
    document,
  }))
  const counts = { traceCount: traces.length, spanCount: assembly.spanIds.length }
  return {
    revision,
    contributions,
    change: { tenantId, eventId, revision: eventRevision, time: event.time!, ...counts },
  }
}

function boundsBefore(earlier: EarlierRevisions | null, last: Move | undefined) {
  return earlier === null ? last!.assembly : assemblyFromDocument(earlier.document)
}

/** Whether the trace's own event has to say that it has the trace no more, or has it again. */
function tellsOwn({ trace, from, to }: Move): boolean {
  return to === null || (from === null && trace.revision >= 0)
}

/** The revisions of own events by which traces leave them or come back. */
async function tellOwn(
  client: pg.PoolClient,
  moves: readonly Move[],
  settings: CutSettings,
  now: Date,
): Promise<readonly NewRevision[]> {
  const revisions: NewRevision[] = []
  for (const move of moves) {
    const { trace, assembly, earlier, to } = move
    if (!tellsOwn(move)) continue
    const reason = cutReason(trace, settings, now.getTime())
    if (to !== null) {
      revisions.push(ownRevision(trace, movedInto(to, assembly), earlier, reason, trace.eventTime))
    } else {
      const time = await timeOfOwn(client, trace)
      const before =
        time &&
        (await readEvent(client, { tenantId: trace.tenantId, eventId: eventIdOf(trace.traceId), time }))
      revisions.push(ownRevision(trace, assembly, before || null, reason, time))
    }
  }
  return revisions
}

async function readEvent(client: pg.PoolClient, key: EventKey): Promise<EarlierRevisions | null> {
  return (await readEarlierOf(client, [key])).values().next().value ?? null
}

/** The time of a trace's own event, where it had one before a session's took the trace. */
async function timeOfOwn(client: pg.PoolClient, { tenantId, traceId }: DueTrace): Promise<string | null> {
  const { rows } = await client.query<{ time: string }>({
    name: 'cut_own_time',
    text: `
      select to_char(time at time zone 'UTC', ${MICROS}) as time
      from aforo_store.events where tenant_id = $1 and event_id = $2 limit 1`,
    values: [tenantId, eventIdOf(traceId)],
  })
  return rows[0]?.time ?? null
}

function cutOf(move: Move, timeOf: ReadonlyMap<string, string>, own: readonly NewRevision[]): TraceCut {
  const { trace, assembly, from, to } = move
  const { tenantId } = trace
  const ownId = eventIdOf(trace.traceId)
  const ofOwn = (revision: NewRevision) => revision.tenantId === tenantId && revision.eventId === ownId
  const eventTime = to === null ? own.find(ofOwn)!.time : timeOf.get(keyOfEvent({ tenantId, eventId: to }))!
  const hadOwn = from === null && trace.revision >= 0
  return {
    trace,
    assembly,
    eventId: to ?? ownId,
    eventTime,
    inSession: to !== null,
    movedFrom: from === to ? null : (from ?? (hadOwn ? ownId : null)),
  }
}

function keyOfEvent({ tenantId, eventId }: { readonly tenantId: string; readonly eventId: string }): string {
  return `${tenantId}/${eventId}`
}

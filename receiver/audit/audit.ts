import type pg from 'pg'
import type { AuditReport, AuditScope } from '../../core/audit.ts'
import { eventIdOf } from '../../core/ids.ts'
import { acrossLanes } from '../../schema/lanes.ts'
import { pagesOf } from '../../schema/pages.ts'
import { assemble } from '../assemble/assemble.ts'
import { DUE_COLUMNS, dueTraceOf, keyOf } from '../cut/claim.ts'
import { LISTED_KINDS } from '../cut/exceptions.ts'
import { readNamedCustomers, readStatedUsage } from '../cut/read.ts'
import { assembleTrace } from '../cut/revision.ts'
import { readHomes } from '../cut/session-homes.ts'
import type { AssembledTrace } from '../cut/settle-mirrors.ts'
import { readOfTraces } from '../cut/sighting-lookups.ts'
import type { SightingRow } from '../cut/sighting-rows.ts'
import type { DueTrace } from '../cut/trace.ts'
import { withMirrors } from '../mirrors/apply.ts'
import { compareEvent, compareExceptions } from './event.ts'
import { readIntactUsages } from './journal.ts'
import { groupsOf, type StoredSightings, storedSightings } from './mirrors.ts'
import { byRules } from './older-rules.ts'
import { auditSessions, compareContribution, readBrought } from './sessions.ts'
import { readEventsOfTraces, readStoredExceptions } from './stored-events.ts'
import { auditEventsOfTraces, auditTraces, type TraceScope, traceBytes } from './traces.ts'
import { readTracesBehind } from './traces-behind.ts'

/** Traces and journal rows that a lane holds at once; a trace with more rows is held alone. */
const PAGE_TRACES = 200
const PAGE_SPANS = 20_000

/** Connections of one snapshot: one for lists and sums, one for each page that is worked on. */
export interface AuditConnections {
  readonly list: pg.PoolClient
  readonly lanes: readonly pg.PoolClient[]
}

/**
 * Re-derives every event from its journal rows and compares. Traces that are due, or whose calls another trace has
 * taken over since they were cut, are left out: their next cut is still to come.
 */
export async function auditJournal(
  { list, lanes }: AuditConnections,
  scope: AuditScope,
  report: AuditReport,
): Promise<void> {
  const all = { ...scope, traceIds: null }
  await auditTraces(list, all, report)
  await auditEventsOfTraces(list, scope, report)
  await auditSessions(list, lanes[0]!, scope, report)
  await acrossLanes(settledTraces(list, all), lanes, (traces, lane) => auditPage(lane, traces, report))
}

/**
 * The same of the events that a scope names and of nothing beyond them: what stands behind an invoice. Every trace that
 * such an event is or was of is looked at, wherever the trace says its event is.
 */
export async function auditJournalOf(
  client: pg.PoolClient,
  scope: AuditScope,
  report: AuditReport,
): Promise<void> {
  const traces = await readTracesBehind(client, scope)
  await auditTraces(client, traces, report)
  await auditEventsOfTraces(client, scope, report)
  await auditSessions(client, client, scope, report)
  await acrossLanes(settledTraces(client, traces), [client], (page, lane) => auditPage(lane, page, report))
}

async function* settledTraces(
  client: pg.PoolClient,
  { tenantId, from, to, traceIds }: TraceScope,
): AsyncGenerator<readonly DueTrace[], void, void> {
  const pages = pagesOf<Record<string, unknown>>(
    client,
    `select ${DUE_COLUMNS} from aforo_store.traces t
     where ($1::text is null or t.tenant_id = $1) and t.revision >= 0 and t.cut_due_at is null
       and case when $4::bytea[] is null then t.event_time >= $2::timestamptz and t.event_time < $3::timestamptz
         else t.trace_id = any ($4) and t.event_time is not null end
       and not exists (select from aforo_store.call_sightings s
         where s.tenant_id = t.tenant_id and s.trace_id = t.trace_id and not s.told)`,
    [tenantId, from, to, traceIds && traceBytes(traceIds)],
    PAGE_TRACES,
  )
  for await (const rows of pages) {
    let page: DueTrace[] = []
    let spans = 0
    for (const trace of rows.map(dueTraceOf)) {
      if (page.length > 0 && spans + trace.spanCount > PAGE_SPANS) {
        yield page
        page = []
        spans = 0
      }
      page.push(trace)
      spans += trace.spanCount
    }
    if (page.length > 0) yield page
  }
}

async function auditPage(
  client: pg.PoolClient,
  traces: readonly DueTrace[],
  report: AuditReport,
): Promise<void> {
  const usages = await readIntactUsages(client, traces, report)
  const customers = await readNamedCustomers(client, traces)
  const stated = await readStatedUsage(client, traces)
  const events = await readEventsOfTraces(client, traces)
  const brought = await readBrought(client, traces)
  const exceptions = await readStoredExceptions(client, traces, LISTED_KINDS)
  const sightings = await readSightings(client, traces)
  const whole = traces.map((trace) => {
    const key = keyOf(trace)
    const facts = { customer: customers.get(key) ?? null, usage: stated.get(key) ?? [] }
    const own = usages.get(key)!
    const alone: AssembledTrace = { trace, usages: own, assembly: assembleTrace(trace, own, facts, assemble) }
    const groups = groupsOf(alone, sightings.get(key) ?? NONE, byRules(trace, report))
    const assembly = groups.size === 0 ? alone.assembly : withMirrors(alone.assembly, trace.traceId, groups)
    return { trace, assembly }
  })
  const homes = await readHomes(client, whole)
  for (const [i, { trace, assembly }] of whole.entries()) {
    const key = keyOf(trace)
    const ofSession = brought.get(key)
    const told = byRules(trace, report)
    compareContribution({ trace, assembly, home: homes[i]!, brought: ofSession }, told)
    if (trace.sessionEventId === null)
      compareEvent(trace, assembly, events.get(key), ofSession !== undefined, told)
    const eventId = trace.sessionEventId ?? eventIdOf(trace.traceId)
    compareExceptions(trace, eventId, assembly, exceptions.get(key) ?? [], told)
  }
}

const NONE: StoredSightings = new Map()

/** By `keyOf` a trace: what it saw, and what others saw of its calls. */
async function readSightings(
  client: pg.PoolClient,
  traces: readonly DueTrace[],
): Promise<ReadonlyMap<string, StoredSightings>> {
  const rows = await readOfTraces(
    client,
    traces.map((trace) => trace.tenantId),
    traces.map((trace) => trace.traceId),
  )
  const found = new Map<string, SightingRow[]>()
  for (const row of rows) {
    const { tenantId, sighting, owner } = row
    for (const traceId of new Set([sighting.traceId, owner.traceId])) {
      const key = keyOf({ tenantId, traceId })
      const list = found.get(key)
      if (list) list.push(row)
      else found.set(key, [row])
    }
  }
  return new Map([...found].map(([key, list]) => [key, storedSightings(list)]))
}

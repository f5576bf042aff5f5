import type pg from 'pg'
import type { Assembly } from '../../core/assembly.ts'
import { assemblyFromDocument } from '../../core/assembly-document.ts'
import type { AuditReport, AuditScope, Findings } from '../../core/audit.ts'
import { sessionEventIdOf } from '../../core/ids.ts'
import { pagesOf } from '../../schema/pages.ts'
import { keyOf, MICROS } from '../cut/claim.ts'
import type { SessionHome } from '../cut/session-homes.ts'
import { readContributions, type SessionEvent, sessionEventOf } from '../cut/session-rows.ts'
import type { DueTrace } from '../cut/trace.ts'
import { joinTraces } from '../sessions/join.ts'
import { compareStored, documentUnlike } from './event.ts'
import { documentOf, readStoredEvents } from './stored-events.ts'

const PAGE_EVENTS = 100

/** Compares the events of sessions with the join of what their traces brought. */
export async function auditSessions(
  list: pg.PoolClient,
  lane: pg.PoolClient,
  { tenantId, from, to, events }: AuditScope,
  report: AuditReport,
): Promise<void> {
  const pages = pagesOf<Record<string, unknown>>(
    list,
    `select tenant_id, event_id, session_key, place, product_id, session_id, customer_id, revision, trace_count,
       span_count, to_char(time at time zone 'UTC', ${MICROS}) as time
     from aforo_store.session_events
     where ($1::text is null or tenant_id = $1)
       and case when $4::text[] is null then time >= $2::timestamptz and time < $3::timestamptz
         else event_id = any ($4) end`,
    [tenantId, from, to, events?.map(({ eventId }) => eventId) ?? null],
    PAGE_EVENTS,
  )
  for await (const rows of pages) {
    // One by one: each holds as many spans as a session may have.
    for (const row of rows) await auditSession(lane, sessionEventOf(row), report)
  }
}

async function auditSession(client: pg.PoolClient, event: SessionEvent, report: AuditReport): Promise<void> {
  const { tenantId, eventId, home, place, revision, time } = event
  const about = { kind: 'event', tenantId, id: eventId }
  const gap = (found: string) => report.gap('sessions', { ...about, found })
  report.count('sessions', 1)
  const [stored] = await readStoredEvents(client, [{ tenantId, eventId, traceId: null, time, revision }])
  if (stored === undefined) return gap(`has no revision at ${time}`)
  const { revisions, newest } = stored
  if (revisions.length !== revision + 1 || revisions.some((each, at) => each !== at)) {
    report.gap('event_totals', {
      ...about,
      found: `has revisions ${revisions.join(', ')}, not 0 to ${revision}`,
    })
  }
  if (eventId !== sessionEventIdOf(home.key, place)) gap(`is not the event at place ${place} of ${home.key}`)
  const members = (await readContributions(client, event)).map(({ traceId, document }) => {
    return { traceId, assembly: assemblyFromDocument(document) }
  })
  const before = typeof newest.document === 'object' && newest.document !== null ? newest.document : null
  const bounds = before === null ? { startNano: 0n, endNano: 0n } : assemblyFromDocument(before)
  const joined = joinTraces(members, home, bounds)
  if (members.length !== event.traceCount || joined.spanIds.length !== event.spanCount) {
    gap(
      `counts ${event.traceCount} traces and ${event.spanCount} spans, not ${members.length} and ${joined.spanIds.length}`,
    )
  }
  compareStored(about, stored, joined, 'sessions', report)
}

/** What a trace brought last to the event of a session that has it; null where none has it now. */
type Brought = { readonly sessionKey: string; readonly document: unknown } | null

/** Of traces that an event of a session has or had, by `keyOf`. */
export async function readBrought(
  client: pg.PoolClient,
  traces: readonly DueTrace[],
): Promise<ReadonlyMap<string, Brought>> {
  const { rows } = await client.query<{ no: number; session_key: string | null; document: unknown }>({
    name: 'audit_brought',
    text: `
      select due.no::integer as no, s.session_key, newest.assembly as document
      from unnest($1::text[], $2::bytea[], $3::text[]) with ordinality as due (tenant_id, trace_id, event_id, no)
      left join aforo_store.session_events s on s.tenant_id = due.tenant_id and s.event_id = due.event_id
      left join lateral (
        select assembly from aforo_store.contributions c
        where c.tenant_id = due.tenant_id and c.event_id = due.event_id and c.trace_id = due.trace_id
        order by cut desc limit 1) newest on true
      where exists (
        select from aforo_store.contributions c where c.tenant_id = due.tenant_id and c.trace_id = due.trace_id)`,
    values: [
      traces.map((trace) => trace.tenantId),
      traces.map((trace) => Buffer.from(trace.traceId, 'hex')),
      traces.map((trace) => trace.sessionEventId),
    ],
  })
  return new Map(
    rows.map(({ no, session_key, document }) => [
      keyOf(traces[no - 1]!),
      session_key === null ? null : { sessionKey: session_key, document },
    ]),
  )
}

/** Compares where a trace is, and what it brought there, with where it belongs and what it amounts to. */
export function compareContribution(
  of: {
    readonly trace: DueTrace
    readonly assembly: Assembly
    readonly home: SessionHome | null
    readonly brought: Brought | undefined
  },
  report: Findings,
): void {
  const { trace, assembly, home, brought } = of
  const { tenantId, traceId, sessionEventId } = trace
  const gap = (found: string) => report.gap('sessions', { kind: 'trace', tenantId, id: traceId, found })
  const key = brought?.sessionKey ?? null
  if (key !== (home?.key ?? null)) {
    const belongs = home === null ? 'its own event' : `the session ${home.session} of ${home.product}`
    gap(`is in ${sessionEventId ?? 'its own event'}, and belongs in ${belongs}`)
  }
  if (sessionEventId === null || !brought || brought.document === null) return
  const document = documentOf(brought.document)
  const unlike = typeof document === 'string' ? document : documentUnlike(document, assembly)
  if (unlike !== null) gap(`brought to ${sessionEventId} what it is not: ${unlike}`)
}

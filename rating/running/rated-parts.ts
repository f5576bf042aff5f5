import type pg from 'pg'
import { eventIdOf, type TenantId, type TraceId } from '../../core/ids.ts'
import type { OpenTrace } from '../../core/open-trace.ts'
import type { RatedPart } from '../../schema/budgets/open-spend.ts'
import { type Rated, REVISION_MAX, readRated } from '../../schema/budgets/rated.ts'
import type { Sources } from '../prepare.ts'
import { type Apart, priceApart } from './price-apart.ts'

/** What ratings hold of an open trace. */
export interface RatedOf {
  /** By its own event, as that was rated; by events of sessions, what it brought to them, priced by itself. */
  readonly parts: readonly RatedPart[]
  /** Its own event, as far as that is rated; null where that is not, or has no part in it now. */
  readonly own: Rated | null
}

/**
 * Reads what ratings hold of traces: by the event that has each, and by those that had it before and were not rated
 * since. The caller holds the traces, so that no rating changes it meanwhile.
 */
export async function readRatedParts(
  client: pg.PoolClient,
  sources: Sources,
  traces: readonly OpenTrace[],
  now: Date,
): Promise<readonly RatedOf[]> {
  const had = await readEvents(client, traces)
  const rated = await readRated(
    client,
    had.map(({ i, eventId, time }) => ({
      tenantId: traces[i]!.tenantId,
      eventId,
      time,
      below: REVISION_MAX,
    })),
  )
  const found = traces.map(() => ({ parts: [] as RatedPart[], own: null as Rated | null }))
  const joined: { readonly i: number; readonly of: Had; readonly event: Rated }[] = []
  had.forEach((of, at) => {
    const event = rated[at]
    if (event == null) return
    if (of.isOwn) {
      found[of.i]!.parts.push({ eventId: of.eventId, placement: event.placement, spend: event.spend })
      if (!traces[of.i]!.inSession) found[of.i]!.own = event
    } else joined.push({ i: of.i, of, event })
  })
  const documents = await readBrought(
    client,
    joined.map(({ i, of, event }) => ({
      tenantId: traces[i]!.tenantId,
      traceId: traces[i]!.traceId,
      eventId: of.eventId,
      revision: event.revision,
    })),
  )
  const brought = joined.flatMap(({ i, of, event }, at) => {
    const document = documents[at] ?? null
    if (document === null) return []
    const { tenantId, traceId } = traces[i]!
    return [{ i, event, apart: { tenantId, traceId, eventId: of.eventId, time: of.time, document } }]
  })
  const spends = await priceApart(
    client,
    sources,
    brought.map(({ apart }) => apart),
    now,
  )
  brought.forEach(({ i, event, apart }, at) => {
    found[i]!.parts.push({ eventId: apart.eventId, placement: event.placement, spend: spends[at]! })
  })
  return found
}

/** An event that has a trace, or had it. */
interface Had {
  /** Place of the trace among those asked for. */
  readonly i: number
  readonly eventId: string
  readonly time: string
  readonly isOwn: boolean
}

/** The events that have traces or had them, as far as they were cut. */
async function readEvents(client: pg.PoolClient, traces: readonly OpenTrace[]): Promise<readonly Had[]> {
  const cut = traces.flatMap((trace, i) => (trace.revision < 0 ? [] : [{ trace, i }]))
  if (cut.length === 0) return []
  const { rows } = await client.query<{ no: number; event_id: string; time: string; is_own: boolean }>({
    name: 'running_events',
    text: EVENTS,
    values: [cut.map(({ trace }) => trace.tenantId), cut.map(({ trace }) => trace.traceId)],
  })
  const told = rows.map((row): Had => {
    return { i: cut[row.no - 1]!.i, eventId: row.event_id, time: row.time, isOwn: row.is_own }
  })
  const own = cut.flatMap(({ trace, i }): Had[] =>
    trace.inSession ? [] : [{ i, eventId: eventIdOf(trace.traceId), time: trace.time, isOwn: true }],
  )
  return [...own, ...told.filter(({ i, isOwn }) => !isOwn || traces[i]!.inSession)]
}

/** A session's events by what was brought to them; a trace's own, where it had one before a session's had it. */
const EVENTS = `
  select key.no::integer as no, had.event_id, had.is_own,
    to_char(had.time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time
  from (
    select tenant_id, decode(trace_id, 'hex') as trace, no
    from unnest($1::text[], $2::text[]) with ordinality as told (tenant_id, trace_id, no)) key
  cross join lateral (
    select brought.event_id, session.time, false as is_own
    from (
      select distinct event_id from aforo_store.contributions c
      where c.tenant_id = key.tenant_id and c.trace_id = key.trace offset 0) brought
    join aforo_store.session_events session
      on session.tenant_id = key.tenant_id and session.event_id = brought.event_id
    union all
    select own.* from (
      select event_id, time, true from aforo_store.events e
      where e.tenant_id = key.tenant_id and e.event_id = 'evt_' || encode(key.trace, 'hex') limit 1) own
    where exists (
      select from aforo_store.contributions c
      where c.tenant_id = key.tenant_id and c.trace_id = key.trace and c.own_told)) had
  where had.time is not null`

/** What a trace has brought to the event of a session by one of its revisions. */
export interface BroughtKey {
  readonly tenantId: TenantId
  readonly traceId: TraceId
  readonly eventId: string
  readonly revision: number
}

/** Reads assemblies as their column holds them, in the order of the keys; null where the event did not have the trace. */
export async function readBrought(
  client: pg.PoolClient,
  keys: readonly BroughtKey[],
): Promise<readonly (Apart['document'] | null)[]> {
  const found: (object | null)[] = keys.map(() => null)
  if (keys.length === 0) return found
  const { rows } = await client.query<{ no: number; document: object | null }>({
    name: 'running_brought',
    text: `
      select key.no::integer as no, brought.assembly as document
      from unnest($1::text[], $2::text[], $3::text[], $4::integer[])
        with ordinality as key (tenant_id, event_id, trace_id, revision, no)
      cross join lateral (
        select assembly from aforo_store.contributions c
        where c.tenant_id = key.tenant_id and c.event_id = key.event_id
          and c.trace_id = decode(key.trace_id, 'hex') and c.event_revision <= key.revision
        order by cut desc limit 1) brought`,
    values: [
      keys.map((key) => key.tenantId),
      keys.map((key) => key.eventId),
      keys.map((key) => key.traceId),
      keys.map((key) => key.revision),
    ],
  })
  for (const row of rows) found[row.no - 1] = row.document
  return found
}

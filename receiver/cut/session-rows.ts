import type pg from 'pg'
import type { CutReason } from '../../core/event.ts'
import { sessionEventIdOf, type TenantId, type TraceId } from '../../core/ids.ts'
import { microsOfRfc3339, type UnixNano } from '../../core/time.ts'
import type { SessionPlace } from '../sessions/place.ts'
import { MICROS } from './claim.ts'
import type { SessionHome } from './session-homes.ts'

/** An event of a session, as its row tells it. */
export interface SessionEvent extends SessionPlace {
  readonly tenantId: TenantId
  readonly eventId: string
  readonly home: SessionHome
  /** Of its newest revision; -1 before the first. */
  readonly revision: number
  /** RFC 3339, fixed by the first revision. */
  readonly time: string | null
}

export interface WantedSession {
  readonly tenantId: TenantId
  readonly home: SessionHome
}

export interface SessionEventKey {
  readonly tenantId: TenantId
  readonly eventId: string
}

/**
 * Locks all events of sessions, and further ones by their ids, until the transaction ends. A session that has none has
 * its first afterwards.
 */
export async function lockSessionEvents(
  client: pg.PoolClient,
  wanted: readonly WantedSession[],
  held: readonly SessionEventKey[],
): Promise<SessionEvent[]> {
  await addSessionEvents(
    client,
    wanted.map(({ tenantId, home }) => newSessionEvent(tenantId, home, 0)),
  )
  const { rows } = await client.query<Record<string, unknown>>({
    name: 'cut_lock_sessions',
    text: `
      select tenant_id, event_id, session_key, place, product_id, session_id, customer_id, revision, trace_count,
        span_count, to_char(time at time zone 'UTC', ${MICROS}) as time
      from aforo_store.session_events
      where (tenant_id, session_key) in (select * from unnest($1::text[], $2::text[]))
        or (tenant_id, event_id) in (select * from unnest($3::text[], $4::text[]))
      order by tenant_id, session_key, place
      for update`,
    values: [
      wanted.map(({ tenantId }) => tenantId),
      wanted.map(({ home }) => home.key),
      held.map(({ tenantId }) => tenantId),
      held.map(({ eventId }) => eventId),
    ],
  })
  return rows.map(sessionEventOf)
}

/** The event of a session that nothing was brought to yet. */
export function newSessionEvent(tenantId: TenantId, home: SessionHome, place: number): SessionEvent {
  const eventId = sessionEventIdOf(home.key, place)
  return {
    tenantId,
    eventId,
    home,
    place,
    revision: -1,
    time: null,
    timeNano: null,
    traceCount: 0,
    spanCount: 0,
  }
}

/** Adds events; those that are there already stay as they are. */
export async function addSessionEvents(
  client: pg.PoolClient,
  events: readonly SessionEvent[],
): Promise<void> {
  if (events.length === 0) return
  await client.query({
    name: 'cut_add_sessions',
    text: `
      insert into aforo_store.session_events
        (tenant_id, event_id, session_key, place, product_id, session_id, customer_id)
      select distinct on (tenant_id, session_key, place) *
      from unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[])
        as added (tenant_id, event_id, session_key, place, product_id, session_id, customer_id)
      order by tenant_id, session_key, place
      on conflict do nothing`,
    values: [
      events.map(({ tenantId }) => tenantId),
      events.map(({ eventId }) => eventId),
      events.map(({ home }) => home.key),
      events.map(({ place }) => place),
      events.map(({ home }) => home.product),
      events.map(({ home }) => home.session),
      events.map(({ home }) => home.customer),
    ],
  })
}

export interface SessionEventChange extends SessionEventKey {
  readonly revision: number
  readonly time: string
  readonly traceCount: number
  readonly spanCount: number
}

/** Writes the newest revision of each event and what it is made of. */
export async function updateSessionEvents(
  client: pg.PoolClient,
  changes: readonly SessionEventChange[],
): Promise<void> {
  if (changes.length === 0) return
  await client.query({
    name: 'cut_update_sessions',
    text: `
      update aforo_store.session_events s
      set revision = changed.revision, time = changed.time, trace_count = changed.trace_count,
        span_count = changed.span_count
      from unnest($1::text[], $2::text[], $3::integer[], $4::timestamptz[], $5::integer[], $6::integer[])
        as changed (tenant_id, event_id, revision, time, trace_count, span_count)
      where s.tenant_id = changed.tenant_id and s.event_id = changed.event_id`,
    values: [
      changes.map(({ tenantId }) => tenantId),
      changes.map(({ eventId }) => eventId),
      changes.map(({ revision }) => revision),
      changes.map(({ time }) => time),
      changes.map(({ traceCount }) => traceCount),
      changes.map(({ spanCount }) => spanCount),
    ],
  })
}

/** What a trace brought to a session's event; its assembly as the column has it. */
export interface Contribution {
  readonly traceId: TraceId
  readonly document: unknown
}

/** The traces that an event of a session joins, with what they brought last. */
export async function readContributions(
  client: pg.PoolClient,
  { tenantId, eventId }: SessionEventKey,
): Promise<Contribution[]> {
  const { rows } = await client.query<Contribution>({
    name: 'cut_contributions',
    text: `
      select encode(trace_id, 'hex') as "traceId", assembly as document
      from (
        select distinct on (trace_id) trace_id, assembly
        from aforo_store.contributions
        where tenant_id = $1 and event_id = $2
        order by trace_id, cut desc) newest
      where assembly is not null`,
    values: [tenantId, eventId],
  })
  return rows
}

/** A row of `contributions`. */
export interface NewContribution extends SessionEventKey {
  readonly traceId: TraceId
  readonly cut: number
  readonly eventRevision: number
  readonly reason: CutReason
  readonly ownTold: boolean
  /** Null: the trace left. */
  readonly document: unknown
}

/** Writes what cuts brought to the events of sessions, a row for each. */
export async function writeContributions(
  client: pg.PoolClient,
  rows: readonly NewContribution[],
  now: Date,
): Promise<void> {
  if (rows.length === 0) return
  await client.query({
    name: 'cut_contribute',
    text: `
      insert into aforo_store.contributions
        (tenant_id, event_id, trace_id, cut, event_revision, cut_reason, own_told, assembly, recorded_at)
      select tenant_id, event_id, decode(trace_id, 'hex'), cut, event_revision, cut_reason, own_told, assembly, $9
      from unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::text[], $7::boolean[],
          $8::jsonb[])
        as brought (tenant_id, event_id, trace_id, cut, event_revision, cut_reason, own_told, assembly)`,
    values: [
      rows.map(({ tenantId }) => tenantId),
      rows.map(({ eventId }) => eventId),
      rows.map(({ traceId }) => traceId),
      rows.map(({ cut }) => cut),
      rows.map(({ eventRevision }) => eventRevision),
      rows.map(({ reason }) => reason),
      rows.map(({ ownTold }) => ownTold),
      rows.map(({ document }) => (document === null ? null : JSON.stringify(document))),
      now,
    ],
  })
}

export function sessionEventOf(row: Readonly<Record<string, unknown>>): SessionEvent {
  const time = row.time as string | null
  return {
    tenantId: row.tenant_id as string,
    eventId: row.event_id as string,
    home: {
      key: row.session_key as string,
      product: row.product_id as string,
      session: row.session_id as string,
      customer: row.customer_id as string | null,
    },
    place: row.place as number,
    revision: row.revision as number,
    time,
    timeNano: time === null ? null : nanoOfTime(time),
    traceCount: row.trace_count as number,
    spanCount: row.span_count as number,
  }
}

function nanoOfTime(time: string): UnixNano {
  return BigInt(microsOfRfc3339(time)) * 1000n
}

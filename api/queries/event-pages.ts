import type pg from 'pg'
import type { EventStatus } from '../../core/event.ts'
import { eventIdOf, type TenantId } from '../../core/ids.ts'
import type { Key } from '../cursor.ts'

/** Which events, and which rows of them. */
export interface EventFilter {
  readonly eventId?: string | undefined
  readonly traceId?: string | undefined
  readonly customer?: string | undefined
  readonly session?: string | undefined
  /** Event time in [from, to). */
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly status?: EventStatus | undefined
  /** Every revision as a row of its own; else the newest alone. Other filters look at the rows that are left. */
  readonly allRevisions: boolean
}

/** A revision as its event shows it; times as the database writes them. */
export interface EventHead {
  readonly eventId: string
  readonly traceId: string
  /** Whether the event is a session's, and the traces it joins then. */
  readonly isJoined: boolean
  readonly traceIds: readonly string[]
  readonly revision: number
  readonly time: string
  readonly cutReason: string
  readonly customer: string | null
  readonly product: string | null
  readonly agent: string | null
  readonly session: string | null
  readonly startedAt: string
  readonly endedAt: string
  readonly anomalies: readonly { kind: string; spanId: string; reason: string }[]
  readonly spanIds: readonly string[]
  readonly tools: readonly { name: string; startNano: string }[]
  /** Of the revision's rating; null where it is not rated yet. */
  readonly status: EventStatus | null
  readonly unpriced: boolean | null
  /** Some cost that its plan charges is unknown. */
  readonly uncharged: boolean | null
  readonly currency: string | null
  /** What a unit of the currency is worth in USD, and the row that says so; null for USD, and where nobody has said. */
  readonly fxUsd: string | null
  readonly fxRateId: string | null
  readonly planId: string | null
  readonly planVersion: number | null
}

/** The types of an event's sort key, for its cursor: time, event id, revision. */
export const EVENT_KEY = ['string', 'string', 'number'] as const

export function eventKey(head: EventHead): Key {
  return [head.time, head.eventId, head.revision]
}

/** Heads of events, newest first: by time, event id and revision, each descending. */
export async function readEventHeads(
  client: pg.PoolClient,
  tenantId: TenantId,
  filter: EventFilter,
  page: { after: Key | null; rows: number },
): Promise<EventHead[]> {
  const values: unknown[] = [tenantId]
  const value = (given: unknown) => `$${values.push(given)}`
  const conditions = conditionsOf(filter, value)
  if (page.after) {
    const [time, eventId, revision] = page.after
    conditions.push(
      // Alone it says nothing new; but it is what an index and the chunks of a hypertable can use.
      `e.time <= ${value(time)}`,
      `(e.time, e.event_id, e.revision) < (${value(time)}, ${value(eventId)}, ${value(revision)})`,
    )
  }
  const { rows } = await client.query<EventHead>(
    `select e.event_id as "eventId", encode(e.trace_id, 'hex') as "traceId", e.revision, e.time::text as time,
       e.cut_reason as "cutReason", e.customer_id as customer, e.product_id as product, e.agent,
       e.session_id as session, e.started_at::text as "startedAt", e.ended_at::text as "endedAt",
       coalesce(e.assembly->'anomalies', '[]') as anomalies, coalesce(e.assembly->'spanIds', '[]') as "spanIds",
       coalesce(e.assembly->'tools', '[]') as tools,
       jsonb_path_query_array(e.assembly, '$.joined.traces[*].traceId') as "traceIds",
       e.assembly->'joined' is not null as "isJoined",
       r.status, r.unpriced, r.uncharged, r.currency, r.fx_usd as "fxUsd",
       r.fx_rate_id::text as "fxRateId", r.plan_id as "planId", r.plan_version as "planVersion"
     from aforo_store.events e
     left join aforo_store.ratings r
       on r.tenant_id = e.tenant_id and r.event_id = e.event_id and r.revision = e.revision and r.time = e.time
     where e.tenant_id = $1 ${conditions.map((condition) => `and ${condition}`).join(' ')}
     order by e.time desc, e.event_id desc, e.revision desc
     limit ${value(page.rows)}`,
    values,
  )
  return rows
}

/** Only columns that are there to be filtered by, each behind an index that leads with the tenant. */
function conditionsOf(filter: EventFilter, value: (given: unknown) => string): string[] {
  const conditions: string[] = []
  if (!filter.allRevisions) {
    conditions.push(`not exists (
      select from aforo_store.events later
      where later.tenant_id = e.tenant_id and later.event_id = e.event_id and later.time = e.time
        and later.revision > e.revision)`)
  }
  if (filter.eventId !== undefined) conditions.push(`e.event_id = ${value(filter.eventId)}`)
  if (filter.traceId !== undefined) {
    // The event that has the trace: its own, or that of its session.
    const [own, trace] = [value(eventIdOf(filter.traceId)), value(Buffer.from(filter.traceId, 'hex'))]
    conditions.push(`e.event_id = coalesce((
      select session_event_id from aforo_store.traces where tenant_id = $1 and trace_id = ${trace}), ${own})`)
  }
  if (filter.customer !== undefined) conditions.push(`e.customer_id = ${value(filter.customer)}`)
  if (filter.session !== undefined) conditions.push(`e.session_id = ${value(filter.session)}`)
  if (filter.from !== undefined) conditions.push(`e.time >= ${value(filter.from)}`)
  if (filter.to !== undefined) conditions.push(`e.time < ${value(filter.to)}`)
  if (filter.status === 'pending') conditions.push('r.event_id is null')
  else if (filter.status !== undefined) conditions.push(`r.status = ${value(filter.status)}`)
  return conditions
}

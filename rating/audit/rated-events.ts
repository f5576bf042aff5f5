import type pg from 'pg'
import type { AuditScope } from '../../core/audit.ts'
import { inScope, scopeValues } from '../../schema/in-scope.ts'
import { pagesOf } from '../../schema/pages.ts'
import { type ClaimedRevision, type EventColumns, eventOf, timeRange } from '../claim.ts'

/** The newest rating of an event. Text of numbers is as the database writes it. */
export interface StoredRating {
  readonly tenantId: string
  readonly eventId: string
  readonly revision: number
  readonly time: string
  readonly status: string
  readonly unpriced: boolean
  readonly uncharged: boolean
  readonly customer: string | null
  readonly subscriptionId: string | null
  /** Milliseconds since 1970. */
  readonly periodStart: number | null
  readonly planId: string | null
  readonly planVersion: number | null
  readonly currency: string | null
}

/** A rated event with the revision it was rated by. */
export interface RatedRevision {
  readonly rating: StoredRating
  /** As the rating would claim the next revision if it were of the same assembly: all that is booked is behind it. */
  readonly event: ClaimedRevision
  /** Whether a further revision waits or is about to be made. */
  readonly unsettled: boolean
}

const PAGE_EVENTS = 200

/** The newest ratings, one per event, in the order of their events, so that a page reads lines beside one another. */
export function newestRatings(
  client: pg.PoolClient,
  scope: AuditScope,
): AsyncGenerator<readonly StoredRating[], void, void> {
  return pagesOf<StoredRating & pg.QueryResultRow>(
    client,
    `select tenant_id as "tenantId", event_id as "eventId", revision, time::text as time, status, unpriced, coalesce(uncharged, false) as uncharged,
       customer_id as customer, subscription_id::text as "subscriptionId",
       (extract(epoch from period_start) * 1000)::double precision as "periodStart", plan_id as "planId",
       plan_version as "planVersion", currency
     from (
       select r.*, lead(revision) over (partition by tenant_id, event_id order by revision) as later
       from aforo_store.ratings r
       where ${inScope()}) r
     where later is null
     order by tenant_id, r.time, event_id`,
    scopeValues(scope),
    PAGE_EVENTS,
  )
}

/** The events of ratings. One whose revision is gone is left out: the queue's check tells of it. */
export async function readRated(
  client: pg.PoolClient,
  ratings: readonly StoredRating[],
): Promise<readonly RatedRevision[]> {
  const { rows } = await client.query<EventRow>({
    name: 'audit-rated',
    text: `
      select rated.no::integer as no, (extract(epoch from event.time) * 1000000)::bigint::text as time_micros,
        (extract(epoch from event.recorded_at) * 1000000)::bigint::text as recorded_at_micros,
        event.trace_id, event.customer_id, event.product_id, event.agent, event.assembly,
        case when session.event_id is null
          then trace.revision is distinct from rated.revision or trace.cut_due_at is not null
          else session.revision <> rated.revision or exists (
            select from aforo_store.traces member
            where member.tenant_id = session.tenant_id and member.session_event_id = session.event_id
              and member.cut_due_at is not null) end as unsettled
      from unnest($1::text[], $2::text[], $3::integer[], $4::timestamptz[])
        with ordinality as rated (tenant_id, event_id, revision, time, no)
      cross join lateral (
        select * from aforo_store.events event
        where event.tenant_id = rated.tenant_id and event.event_id = rated.event_id
          and event.revision = rated.revision and event.time = rated.time and event.time between $5 and $6
        limit 1) event
      left join aforo_store.traces trace
        on trace.tenant_id = event.tenant_id and trace.trace_id = event.trace_id
      left join aforo_store.session_events session
        on session.tenant_id = event.tenant_id and session.event_id = event.event_id`,
    values: [
      ratings.map((rating) => rating.tenantId),
      ratings.map((rating) => rating.eventId),
      ratings.map((rating) => rating.revision),
      ratings.map((rating) => rating.time),
      ...timeRange(ratings),
    ],
  })
  return rows.map((row) => {
    const rating = ratings[row.no - 1]!
    const { tenantId, eventId, time } = rating
    return {
      rating,
      unsettled: row.unsettled,
      event: {
        tenantId,
        eventId,
        revision: rating.revision + 1,
        attempts: 0,
        time,
        ...eventOf(row),
      },
    }
  })
}

interface EventRow extends EventColumns {
  readonly no: number
  readonly unsettled: boolean
}

import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'
import { SESSION_APART_MS_MAX, SESSION_SPANS_MAX, SESSION_TRACES_MAX } from '../../core/session.ts'

/** A trace, or a call that has none yet, of a session whose event may have begun before it. */
export interface AskedSession {
  readonly tenantId: TenantId
  readonly session: string
  readonly customer: string | null
  /** Null: of any product. */
  readonly product: string | null
  /** When the trace begins; RFC 3339. */
  readonly at: string
  /** That it has, or 1. */
  readonly spans: number
  /** Hex; null: none of it is known. */
  readonly trace: string | null
}

/** RFC 3339 to the microsecond, at most `STARTS_MAX` of each. */
export interface SessionStarts {
  /** Whether traces of the product, or of any, become events of their sessions. */
  readonly isGrouped: boolean
  /** Times of the events that would have the trace: of each product the first with room for it. */
  readonly events: readonly string[]
  /** Of traces that are in no event yet: of each product the earliest. */
  readonly open: readonly string[]
}

/** A session is of one product, mostly. */
export const STARTS_MAX = 16

/**
 * Reads when the events began that traces of sessions would join, or will have begun: as what is open counts for by itself
 * until it is cut, the earliest of that is taken for the first of its session. In the order of those who are asked for.
 *
 * All of it by one statement: what is cut meanwhile is seen as one or the other. It is planned each time: a plan that was made
 * while the tables were small would read all of them.
 */
export async function readSessionStarts(
  client: Pick<pg.ClientBase, 'query'>,
  asked: readonly AskedSession[],
): Promise<readonly SessionStarts[]> {
  if (asked.length === 0) return []
  const { rows } = await client.query<SessionStarts>(STARTS, [
    asked.map(({ tenantId }) => tenantId),
    asked.map(({ session }) => session),
    asked.map(({ customer }) => customer),
    asked.map(({ product }) => product),
    asked.map(({ at }) => at),
    asked.map(({ spans }) => spans),
    asked.map(({ trace }) => trace),
  ])
  return rows
}

const NEAR = `between asked.at - interval '${SESSION_APART_MS_MAX} ms' and asked.at + interval '${SESSION_APART_MS_MAX} ms'`
const MICROS = `to_char(time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
/** What a product was decided to be last. */
const IS_GROUPED = (of: string) => `(
  select setting.group_by from aforo_store.product_settings setting
  where setting.tenant_id = asked.tenant_id and setting.product_id = ${of}
  order by setting.setting_id desc limit 1) = 'session'`
const OF_SESSION = (of: string) => `${of}.tenant_id = asked.tenant_id
  and hashtextextended(${of}.session_id, 0) = hashtextextended(asked.session, 0) and ${of}.session_id = asked.session
  and ${of}.customer_id is not distinct from asked.customer
  and (asked.product is null or ${of}.product_id = asked.product)`

const STARTS = `
  select grouped.is_grouped as "isGrouped",
    array(
      select ${MICROS} from (
        select distinct on (event.session_key) event.time from aforo_store.session_events event
        where grouped.is_grouped and ${OF_SESSION('event')} and event.time ${NEAR}
          and (event.trace_count = 0 or (event.trace_count < ${SESSION_TRACES_MAX}
            and event.span_count + asked.spans <= ${SESSION_SPANS_MAX}))
          and ${IS_GROUPED('event.product_id')}
        order by event.session_key, event.place) first
      order by time limit ${STARTS_MAX}) as events,
    array(
      select ${MICROS} from (
        select min(open.time) as time from aforo_store.open_spend open
        where grouped.is_grouped and ${OF_SESSION('open')} and open.event_id = '' and open.time ${NEAR}
          and open.trace_id is distinct from decode(asked.trace, 'hex')
          and exists (
            select from aforo_store.traces trace
            where trace.tenant_id = open.tenant_id and trace.trace_id = open.trace_id and trace.event_time is null)
          and ${IS_GROUPED('open.product_id')}
        group by open.product_id) first
      order by time limit ${STARTS_MAX}) as open
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::integer[], $7::text[])
    with ordinality as asked (tenant_id, session, customer, product, at, spans, trace, no)
  cross join lateral (
    select case when asked.product is not null then coalesce(${IS_GROUPED('asked.product')}, false)
      else exists (
        select from aforo_store.product_settings setting
        where setting.tenant_id = asked.tenant_id and setting.group_by = 'session') end as is_grouped) grouped
  order by asked.no`

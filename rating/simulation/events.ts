import type pg from 'pg'
import type { Part } from '../../core/event.ts'
import type { SimulationOrder } from '../../core/simulation.ts'
import { pagesOf } from '../../schema/pages.ts'
import type { Place } from './tally.ts'

/** An event as it was rated last. */
export interface RatedUsage extends Place {
  /** It is of a period that reaches into the span, and from before it. */
  readonly earlier: boolean
  readonly recordedAtMicros: number
  /** The assembly as its column holds it. */
  readonly document: unknown
}

/** What is booked of events of one place for one model and tool. */
export interface BookedUsage extends Place {
  readonly earlier: boolean
  readonly part: Part
  readonly provider: string | null
  readonly model: string | null
  readonly tool: string | null
  readonly calls: number
  readonly unpricedCalls: number
  readonly cogs: string
  readonly price: string
}

/** Periods that began before the span, and reach into it: what they used before counts for tiers and bounds. */
export interface ReachingPeriods {
  readonly subscriptionIds: readonly string[]
  /** Milliseconds since 1970. */
  readonly starts: readonly number[]
}

const PAGE_EVENTS = 500
const PAGE_BOOKED = 5_000
/** Of the sums by place; beyond it they go to disk. */
const HASH_MEMORY = '64MB'

/** The newest ratings of the span's events, and of those before it in periods that reach into it. */
const NEWEST = `
  select rating.event_id, rating.revision, rating.time, rating.customer_id, rating.subscription_id,
    rating.period_start, rating.plan_id, rating.plan_version, rating.time < $3::timestamptz as earlier
  from aforo_store.ratings rating
  where rating.tenant_id = $1 and rating.time >= $2::timestamptz and rating.time < $4::timestamptz
    and ($5::text[] is null or rating.customer_id = any ($5))
    and (rating.time >= $3::timestamptz or (rating.subscription_id, rating.period_start) in (
      select id, to_timestamp(start / 1000) from unnest($6::bigint[], $7::double precision[]) as reaching (id, start)))
    and not exists (
      select from aforo_store.ratings later
      where later.tenant_id = $1 and later.time >= $2::timestamptz and later.time < $4::timestamptz
        and later.event_id = rating.event_id and later.time = rating.time and later.revision > rating.revision)`

const PLACE = `rating.customer_id as customer, rating.subscription_id::text as "subscriptionId",
  (extract(epoch from rating.period_start) * 1000)::double precision as "periodStart", rating.plan_id as "planId",
  rating.plan_version as "planVersion", rating.earlier`

const USAGE = `
  select ${PLACE}, event.agent, event.product_id as product, event.assembly as document,
    (extract(epoch from event.recorded_at) * 1000000)::double precision as "recordedAtMicros"
  from (${NEWEST}) rating
  join aforo_store.events event
    on event.tenant_id = $1 and event.time >= $2::timestamptz and event.time < $4::timestamptz
    and event.event_id = rating.event_id and event.revision = rating.revision and event.time = rating.time`

/** Who is newest is found once, not line by line; and what is shown is made of groups, not of lines. */
const BOOKED = `
  with newest as materialized (${NEWEST}),
  rating as (
    select newest.customer_id, newest.subscription_id, newest.period_start, newest.plan_id, newest.plan_version,
      newest.earlier, line.agent, line.product_id, line.part, line.provider, line.model, line.tool,
      sum(line.calls) as calls, sum(line.unpriced_calls) as unpriced_calls, sum(line.cogs) as cogs,
      sum(line.price) as price
    from newest
    join aforo_store.event_lines line
      on line.tenant_id = $1 and line.time >= $2::timestamptz and line.time < $4::timestamptz
      and line.event_id = newest.event_id and line.time = newest.time
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
  )
  select ${PLACE}, agent, product_id as product, part, provider, model, tool, calls::double precision as calls,
    unpriced_calls::double precision as "unpricedCalls", cogs::text as cogs, price::text as price
  from rating
  where calls <> 0 or unpriced_calls <> 0 or cogs <> 0 or price <> 0`

/** In no order: what is added up needs none. */
export function usagePages(
  client: pg.PoolClient,
  order: SimulationOrder,
  reaching: ReachingPeriods,
): AsyncGenerator<readonly RatedUsage[], void, void> {
  return pagesOf<RatedUsage & pg.QueryResultRow>(client, USAGE, valuesOf(order, reaching), PAGE_EVENTS)
}

/**
 * Sums that the database takes: lines are differences, so whatever was corrected is in them. There are a few groups of
 * many lines, which the planner cannot know; sorting all lines took it two and a half times as long as hashing them.
 */
export async function* bookedPages(
  client: pg.PoolClient,
  order: SimulationOrder,
  reaching: ReachingPeriods,
): AsyncGenerator<readonly BookedUsage[], void, void> {
  await client.query(`set local enable_sort = off; set local work_mem = '${HASH_MEMORY}'`)
  yield* pagesOf<BookedUsage & pg.QueryResultRow>(client, BOOKED, valuesOf(order, reaching), PAGE_BOOKED)
}

export async function countPending(
  client: pg.PoolClient,
  { tenantId, from, to }: SimulationOrder,
): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::integer as count from aforo_store.rating_queue
     where tenant_id = $1 and time >= $2 and time < $3`,
    [tenantId, from, to],
  )
  return rows[0]!.count
}

function valuesOf({ tenantId, from, to, customers }: SimulationOrder, reaching: ReachingPeriods): unknown[] {
  const earliest = reaching.starts.reduce((least, start) => Math.min(least, start), Date.parse(from))
  return [
    tenantId,
    new Date(earliest).toISOString(),
    from,
    to,
    customers?.map(({ customer }) => customer),
    reaching.subscriptionIds,
    reaching.starts,
  ]
}

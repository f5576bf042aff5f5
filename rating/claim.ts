import type pg from 'pg'
import type { TraceId } from '../core/ids.ts'
import { microsOfRfc3339 } from '../core/time.ts'
import { alongIndex } from '../schema/along-index.ts'
import { changingBudgets } from '../schema/budgets/lock.ts'

/** A revision that waits for its rating, locked by the transaction that claimed it. */
export interface ClaimedRevision {
  readonly tenantId: string
  readonly eventId: string
  readonly revision: number
  readonly attempts: number
  /** As the database writes it, to be given back unchanged. */
  readonly time: string
  /** Microseconds since 1970. */
  readonly timeMicros: number
  readonly recordedAtMicros: number
  readonly traceId: Buffer
  readonly customer: string | null
  readonly product: string | null
  readonly agent: string | null
  /** The assembly as its column holds it. */
  readonly document: unknown
}

type Unclaimed = Omit<
  ClaimedRevision,
  'attempts' | 'timeMicros' | 'recordedAtMicros' | 'traceId' | 'document'
> & {
  readonly traceId: TraceId
  readonly document: object
}

/** A revision that nobody has written, to be rated as one that was written and claimed at `now`. */
export function unclaimed({ traceId, ...revision }: Unclaimed, now: Date): ClaimedRevision {
  return {
    ...revision,
    attempts: 0,
    timeMicros: microsOfRfc3339(revision.time),
    recordedAtMicros: now.getTime() * 1000,
    traceId: Buffer.from(traceId, 'hex'),
  }
}

export interface ClaimOrder {
  readonly now: Date
  readonly limit: number
  /** Revisions that failed before are claimed one by one, apart from the others. */
  readonly failedBefore: boolean
  /** Only this event. */
  readonly only?: { readonly tenantId: string; readonly eventId: string }
}

/** Stored bytes of assemblies read in one transaction; the first is always read. They unfold to some ten times that. */
const CLAIM_BYTES_MAX = 16 * 1024 * 1024

/**
 * Claims revisions that are due, the longest waiting first, and reads them, ordered by event. An event's revisions
 * are rated in their order: one is left alone while an earlier one is in the queue, claimed by somebody or not. So are
 * those of tenants of whom a budget is filled from history just now: nobody else's wait for that.
 */
export async function claimRevisions(
  client: pg.PoolClient,
  order: ClaimOrder,
): Promise<readonly ClaimedRevision[]> {
  const left = new Set<string>()
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const queued = await claimQueued(client, order, [...left])
    if (queued.length === 0) return []
    const changing = await changingBudgets(
      client,
      queued.map((row) => row.tenant_id),
    )
    if (changing.length === 0) return readRevisions(client, queued)
    for (const tenantId of changing) left.add(tenantId)
  }
  return []
}

/** Claims anew where tenants are left out; at more than that in a row the next turn tries. */
const ROUNDS_MAX = 5

/** @param left tenants that are left out */
async function claimQueued(
  client: pg.PoolClient,
  order: ClaimOrder,
  left: readonly string[],
): Promise<readonly QueueRow[]> {
  const { rows } = await alongIndex(client, () =>
    client.query<QueueRow>({
      name: 'rating-claim',
      text: `select tenant_id, event_id, revision, attempts, time::text as time
       from aforo_store.rating_queue q
       where not_before <= $1 and (attempts > 0) = $2
         and ($4::text is null or (tenant_id = $4 and event_id = $5)) and tenant_id <> all ($6::text[])
         and not exists (
           select from aforo_store.rating_queue earlier
           where earlier.tenant_id = q.tenant_id and earlier.event_id = q.event_id
             and earlier.revision < q.revision)
       order by not_before, enqueued_at
       limit $3
       for update skip locked`,
      values: [
        order.now.toISOString(),
        order.failedBefore,
        order.limit,
        order.only?.tenantId ?? null,
        order.only?.eventId ?? null,
        left,
      ],
    }),
  )
  return rows
}

interface QueueRow {
  readonly tenant_id: string
  readonly event_id: string
  readonly revision: number
  readonly attempts: number
  readonly time: string
}

/** What goes over the bound in bytes is not read and stays in the queue. */
async function readRevisions(
  client: pg.PoolClient,
  queued: readonly QueueRow[],
): Promise<readonly ClaimedRevision[]> {
  const { rows } = await client.query<QueueRow & EventColumns>({
    name: 'rating-claimed-read',
    text: `with claimed as (
         select event.tenant_id, event.event_id, event.revision, event.time, queued.attempts, event.recorded_at,
           event.trace_id, event.customer_id, event.product_id, event.agent, event.assembly,
           sum(pg_column_size(event.assembly)) over (order by event.tenant_id, event.event_id) as bytes,
           row_number() over (order by event.tenant_id, event.event_id) as place
         from unnest($1::text[], $2::text[], $3::integer[], $4::integer[], $5::timestamptz[])
           as queued (tenant_id, event_id, revision, attempts, time)
         -- Event by event through an index: a table that grew since it was analysed would be read whole for a join.
         cross join lateral (
           select * from aforo_store.events event
           where event.tenant_id = queued.tenant_id and event.event_id = queued.event_id
             and event.revision = queued.revision and event.time = queued.time
             and event.time between $6 and $7
           limit 1) event
       )
       select tenant_id, event_id, revision, attempts, time::text as time,
         (extract(epoch from time) * 1000000)::bigint::text as time_micros,
         (extract(epoch from recorded_at) * 1000000)::bigint::text as recorded_at_micros,
         trace_id, customer_id, product_id, agent, assembly
       from claimed
       where place = 1 or bytes <= $8
       order by place`,
    values: [
      queued.map((row) => row.tenant_id),
      queued.map((row) => row.event_id),
      queued.map((row) => row.revision),
      queued.map((row) => row.attempts),
      queued.map((row) => row.time),
      ...timeRange(queued),
      CLAIM_BYTES_MAX,
    ],
  })
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    eventId: row.event_id,
    revision: row.revision,
    attempts: row.attempts,
    time: row.time,
    ...eventOf(row),
  }))
}

/** What a revision's row says of its event. */
export interface EventColumns {
  readonly time_micros: string
  readonly recorded_at_micros: string
  readonly trace_id: Buffer
  readonly customer_id: string | null
  readonly product_id: string | null
  readonly agent: string | null
  readonly assembly: unknown
}

/** The event of a revision as it is rated. */
export function eventOf(row: EventColumns) {
  return {
    timeMicros: Number(row.time_micros),
    recordedAtMicros: Number(row.recorded_at_micros),
    traceId: row.trace_id,
    customer: row.customer_id,
    product: row.product_id,
    agent: row.agent,
    document: row.assembly,
  }
}

/** Bounds that hold the times of all rows, rounded out to the millisecond: what a scan of a hypertable is cut to. */
export function timeRange(rows: readonly { readonly time: string }[]): readonly [string, string] {
  let from = Number.POSITIVE_INFINITY
  let to = Number.NEGATIVE_INFINITY
  for (const { time } of rows) {
    const millis = Date.parse(time)
    from = Math.min(from, millis)
    to = Math.max(to, millis + 1)
  }
  return [new Date(from).toISOString(), new Date(to).toISOString()]
}

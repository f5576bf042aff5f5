import type pg from 'pg'
import { pagesOf } from '../../schema/pages.ts'
import { transaction } from '../../schema/pool.ts'
import type { RecordedCut } from './timeline.ts'

/** Makes traces due that were cut at an instant, unless the target has got that far already. */
export async function markDue(pool: pg.Pool, cuts: readonly RecordedCut[], at: Date): Promise<void> {
  await pool.query({
    name: 'replay_due',
    text: `
      update aforo_store.traces t set cut_due_at = $5, completed = recorded.completed
      from unnest($1::text[], $2::text[], $3::integer[], $4::boolean[])
        as recorded (tenant_id, trace_id, revision, completed)
      where t.tenant_id = recorded.tenant_id and t.trace_id = decode(recorded.trace_id, 'hex')
        and t.revision < recorded.revision`,
    values: [
      cuts.map((cut) => cut.tenantId),
      cuts.map((cut) => cut.traceId),
      cuts.map(({ cut }) => cut),
      // A first cut needs no reason; a later one without new spans came of a fact, or of rules that count otherwise.
      cuts.map(({ reason }) => reason === 'completed' || reason === 'newer_rules'),
      at,
    ],
  })
}

/** Has revisions rated when they were rated; one that the source has not rated yet is not rated. */
export async function orderRatings(pool: pg.Pool, cuts: readonly RecordedCut[]): Promise<void> {
  await pool.query({
    name: 'replay_order',
    text: `
      update aforo_store.rating_queue q set not_before = coalesce(recorded.rated_at, 'infinity')
      from unnest($1::text[], $2::text[], $3::integer[], $4::timestamptz[])
        as recorded (tenant_id, event_id, revision, rated_at)
      where q.tenant_id = recorded.tenant_id and q.event_id = recorded.event_id and q.revision = recorded.revision`,
    values: [
      cuts.map((cut) => cut.tenantId),
      cuts.map((cut) => cut.eventId),
      cuts.map((cut) => cut.revision),
      cuts.map((cut) => cut.ratedAt),
    ],
  })
}

const PAGE_ROWS = 500

/**
 * Makes traces due whose events wait for a fact in the target and not in the source: the fact was seen there by a
 * process whose clock was a moment behind.
 */
export async function completeWaiting(source: pg.PoolClient, pool: pg.Pool, at: Date): Promise<void> {
  await transaction(pool, async (client) => {
    const waiting = pagesOf<{ tenant_id: string; exception_id: string; trace_id: string }>(
      client,
      `select tenant_id, exception_id, encode(trace_id, 'hex') as trace_id from aforo_store.exceptions
       where kind in ('unpriced', 'unattributed') and resolved_at is null`,
      [],
      PAGE_ROWS,
    )
    for await (const rows of waiting) {
      const { rows: open } = await source.query<{ name: string }>(
        `select tenant_id || ' ' || exception_id as name
         from unnest($1::text[], $2::text[]) as asked (tenant_id, exception_id)
         join aforo_store.exceptions using (tenant_id, exception_id)
         where resolved_at is null or resolution <> 'completed'`,
        [rows.map((row) => row.tenant_id), rows.map((row) => row.exception_id)],
      )
      const stillOpen = new Set(open.map(({ name }) => name))
      const closed = rows.filter((row) => !stillOpen.has(`${row.tenant_id} ${row.exception_id}`))
      await client.query(
        `update aforo_store.traces t set cut_due_at = $3, completed = true
         from unnest($1::text[], $2::text[]) as closed (tenant_id, trace_id)
         where t.tenant_id = closed.tenant_id and t.trace_id = decode(closed.trace_id, 'hex')`,
        [closed.map((row) => row.tenant_id), closed.map((row) => row.trace_id), at],
      )
    }
  })
}

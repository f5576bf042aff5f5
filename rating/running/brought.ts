import type pg from 'pg'
import type { OpenTrace } from '../../core/open-trace.ts'
import type { Rated } from '../../schema/budgets/rated.ts'

/** What a trace has brought to the event of its session, as far as that is rated. */
export interface Brought {
  /** The assembly as its column holds it; null where there is none of it in what was rated. */
  readonly document: object | null
  /** Nothing was brought since. */
  readonly isAll: boolean
}

/**
 * Reads what traces of sessions have brought.
 * @param rated what their events are rated with
 * @returns in the order of the traces; null for one that no session has
 */
export async function readBrought(
  client: pg.PoolClient,
  traces: readonly OpenTrace[],
  rated: readonly (Rated | null)[],
): Promise<readonly (Brought | null)[]> {
  const found: (Brought | null)[] = traces.map(() => null)
  const asked = traces.flatMap((trace, i) =>
    trace.inSession ? [{ trace, i, revision: rated[i]?.revision ?? -1 }] : [],
  )
  if (asked.length === 0) return found
  const { rows } = await client.query<{ no: number; document: object | null; is_all: boolean }>({
    name: 'running_brought',
    text: `
      select key.no::integer as no, brought.assembly as document, not exists (
          select from aforo_store.contributions c
          where c.tenant_id = key.tenant_id and c.event_id = key.event_id
            and c.trace_id = decode(key.trace_id, 'hex') and c.event_revision > key.revision) as is_all
      from unnest($1::text[], $2::text[], $3::text[], $4::integer[])
        with ordinality as key (tenant_id, event_id, trace_id, revision, no)
      left join lateral (
        select assembly from aforo_store.contributions c
        where c.tenant_id = key.tenant_id and c.event_id = key.event_id
          and c.trace_id = decode(key.trace_id, 'hex') and c.event_revision <= key.revision
        order by cut desc limit 1) brought on true`,
    values: [
      asked.map(({ trace }) => trace.tenantId),
      asked.map(({ trace }) => trace.eventId),
      asked.map(({ trace }) => trace.traceId),
      asked.map(({ revision }) => revision),
    ],
  })
  for (const row of rows) found[asked[row.no - 1]!.i] = { document: row.document, isAll: row.is_all }
  return found
}

import type pg from 'pg'
import type { SightingRow } from './sighting-rows.ts'
import type { TraceKey } from './trace.ts'

/** Takes away what traces saw when they were cut before. */
export async function removeRows(client: pg.PoolClient, traces: readonly TraceKey[]): Promise<void> {
  if (traces.length === 0) return
  await client.query({
    name: 'cut_sightings_before',
    text: `
      delete from aforo_store.call_sightings s
      using unnest($1::text[], $2::text[]) as own (tenant_id, trace_id)
      where s.tenant_id = own.tenant_id and s.trace_id = decode(own.trace_id, 'hex')`,
    values: [traces.map((trace) => trace.tenantId), traces.map((trace) => trace.traceId)],
  })
}

/**
 * Writes what is decided about sightings of other traces.
 * @param owners names of rows whose call has to be told anew
 */
export async function writeOtherRows(
  client: pg.PoolClient,
  rows: readonly SightingRow[],
  owners: ReadonlySet<string>,
): Promise<void> {
  await update(client, rows)
  await retell(client, owners)
}

/** A row whose owner changes is untold: the event of its trace is wrong until it is cut again. */
async function update(client: pg.PoolClient, rows: readonly SightingRow[]): Promise<void> {
  if (rows.length === 0) return
  await client.query({
    name: 'cut_sightings_moved',
    text: `
      update aforo_store.call_sightings s
      set members = string_to_array(moved.members, ' '), owner_trace_id = decode(moved.owner_trace_id, 'hex'),
        owner_span_id = decode(moved.owner_span_id, 'hex'), replay = moved.replay,
        told = s.told and s.replay = moved.replay and s.owner_trace_id = decode(moved.owner_trace_id, 'hex')
          and s.owner_span_id = decode(moved.owner_span_id, 'hex')
      from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[])
        as moved (tenant_id, trace_id, span_id, members, owner_trace_id, owner_span_id, replay)
      where s.tenant_id = moved.tenant_id and s.trace_id = decode(moved.trace_id, 'hex')
        and s.span_id = decode(moved.span_id, 'hex')`,
    values: [
      ...idsOf(rows),
      rows.map((row) => row.members.join(' ')),
      rows.map((row) => row.owner.traceId),
      rows.map((row) => row.owner.spanId),
      rows.map((row) => row.replay),
    ],
  })
}

async function retell(client: pg.PoolClient, names: ReadonlySet<string>): Promise<void> {
  if (names.size === 0) return
  const parts = [...names].map((name) => {
    const [tenantId, sighting] = name.split('\0') as [string, string]
    return { tenantId, trace: sighting.split('/')[0], span: sighting.split('/')[1] }
  })
  await client.query({
    name: 'cut_sightings_untold',
    text: `
      update aforo_store.call_sightings s set told = false
      from unnest($1::text[], $2::text[], $3::text[]) as owner (tenant_id, trace_id, span_id)
      where s.tenant_id = owner.tenant_id and s.trace_id = decode(owner.trace_id, 'hex')
        and s.span_id = decode(owner.span_id, 'hex')`,
    values: [
      parts.map(({ tenantId }) => tenantId),
      parts.map(({ trace }) => trace),
      parts.map(({ span }) => span),
    ],
  })
}

function idsOf(rows: readonly SightingRow[]): [string[], string[], string[]] {
  return [
    rows.map((row) => row.tenantId),
    rows.map((row) => row.sighting.traceId),
    rows.map((row) => row.sighting.call.spanId),
  ]
}

/** Untold rows that are looked at, and so traces that are made due, at once. */
const UNTOLD_MAX = 500

/**
 * Makes traces due whose event does not say yet what was decided about their calls when another trace was cut. One
 * that somebody else holds is left for the next time: whoever cuts it reads what was decided.
 */
export async function requeueUntold(client: pg.PoolClient, now: Date): Promise<void> {
  // Not prepared by name: a plan made while the table was empty would read all of it ever after.
  const { rows } = await client.query<{ tenant_id: string; trace_id: Buffer }>({
    text: `
      select tenant_id, trace_id from aforo_store.call_sightings where not told
      order by tenant_id, trace_id limit ${UNTOLD_MAX}`,
  })
  if (rows.length === 0) return
  await client.query({
    name: 'cut_untold_due',
    text: `
      with untold as (
        select t.tenant_id, t.trace_id
        from aforo_store.traces t
        where t.cut_due_at is null
          and (t.tenant_id, t.trace_id) in (select * from unnest($1::text[], $2::bytea[]))
        order by t.tenant_id, t.trace_id
        for update of t skip locked
      )
      update aforo_store.traces t set cut_due_at = $3
      from untold where t.tenant_id = untold.tenant_id and t.trace_id = untold.trace_id`,
    values: [rows.map((row) => row.tenant_id), rows.map((row) => row.trace_id), now],
  })
}

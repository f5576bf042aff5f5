import { isDeepStrictEqual } from 'node:util'
import type pg from 'pg'
import { documentOf, nameOfRow, rowName, type SightingRow, shortHash } from '../cut/sighting-rows.ts'
import type { TraceKey } from '../cut/trace.ts'
import { tokensOf } from '../mirrors/sighting.ts'

/**
 * Remembers what traces saw and whose calls those are, as far as that changed. A trace whose rows are those it was cut
 * with needs none of its own.
 * @param before rows of these traces as they were found
 * @param remembered traces that have rows here, by `rowName`
 */
export async function writeOpenRows(
  client: pg.PoolClient,
  traces: readonly TraceKey[],
  rows: readonly SightingRow[],
  before: readonly SightingRow[],
  remembered: ReadonlySet<string>,
): Promise<void> {
  const known = new Map(before.map((row) => [nameOfRow(row), row]))
  const byTrace = Map.groupBy(rows, traceOf)
  const changed: SightingRow[] = []
  const gone: SightingRow[] = []
  for (const { tenantId, traceId } of traces) {
    const name = rowName(tenantId, traceId)
    const own = byTrace.get(name) ?? []
    const names = new Set(own.map(nameOfRow))
    const left = before.filter((row) => traceOf(row) === name && !names.has(nameOfRow(row)))
    const fresh = own.filter((row) => !isSameRow(row, known.get(nameOfRow(row))))
    if (fresh.length + left.length === 0) continue
    // Rows here stand for all of the trace's, so the first time all are written.
    changed.push(...(remembered.has(name) ? fresh : own))
    gone.push(...left)
  }
  await remove(client, gone)
  await upsert(client, changed)
}

function traceOf({ tenantId, sighting }: SightingRow): string {
  return rowName(tenantId, sighting.traceId)
}

/** Whether two rows of one sighting say the same. */
export function isSameRow(a: SightingRow, b: SightingRow | undefined): boolean {
  return (
    b !== undefined &&
    a.owner.traceId === b.owner.traceId &&
    a.owner.spanId === b.owner.spanId &&
    a.replay === b.replay &&
    a.members.join() === b.members.join() &&
    isDeepStrictEqual(a.sighting, b.sighting)
  )
}

async function remove(client: pg.PoolClient, rows: readonly SightingRow[]): Promise<void> {
  if (rows.length === 0) return
  await client.query({
    name: 'open_sightings_remove',
    text: `
      with gone as (
        select tenant_id, decode(trace_id, 'hex') as trace_id, decode(span_id, 'hex') as span_id
        from unnest($1::text[], $2::text[], $3::text[]) as row (tenant_id, trace_id, span_id)
      ),
      keys as (
        delete from aforo_store.open_sighting_keys key using gone
        where key.tenant_id = gone.tenant_id and key.trace_id = gone.trace_id and key.span_id = gone.span_id
      )
      delete from aforo_store.open_sightings seen using gone
      where seen.tenant_id = gone.tenant_id and seen.trace_id = gone.trace_id and seen.span_id = gone.span_id`,
    values: [
      rows.map((row) => row.tenantId),
      rows.map((row) => row.sighting.traceId),
      rows.map((row) => row.sighting.call.spanId),
    ],
  })
}

const VALUES = `place, tokens, scopes, start_nano, end_nano, sighting, members, owner_trace_id, owner_span_id, replay`

async function upsert(client: pg.PoolClient, rows: readonly SightingRow[]): Promise<void> {
  if (rows.length === 0) return
  await client.query({
    name: 'open_sightings_write',
    text: `
      with told as (
        select tenant_id, decode(trace_id, 'hex') as trace_id, decode(span_id, 'hex') as span_id, place, tokens, scopes,
          start_nano, end_nano, sighting, members, decode(owner_trace_id, 'hex') as owner_trace_id,
          decode(owner_span_id, 'hex') as owner_span_id, replay, keys
        from jsonb_to_recordset($1::jsonb) as row (tenant_id text, trace_id text, span_id text, place text, tokens text,
          scopes text, start_nano bigint, end_nano bigint, sighting jsonb, members text[], owner_trace_id text,
          owner_span_id text, replay boolean, keys text[])
      ),
      keys as (
        insert into aforo_store.open_sighting_keys (tenant_id, key, trace_id, span_id)
        select tenant_id, unnest(keys), trace_id, span_id from told
        on conflict do nothing
      )
      insert into aforo_store.open_sightings (tenant_id, trace_id, span_id, ${VALUES})
      select tenant_id, trace_id, span_id, ${VALUES} from told
      on conflict (tenant_id, trace_id, span_id) do update set (${VALUES}) = row (
        ${VALUES.replaceAll(/\w+/g, 'excluded.$&')})`,
    values: [`[${rows.map(textOf).join(',')}]`],
  })
}

function textOf({ tenantId, sighting, place, members, owner, replay }: SightingRow): string {
  const row = {
    tenant_id: tenantId,
    trace_id: sighting.traceId,
    span_id: sighting.call.spanId,
    place,
    tokens: tokensOf(sighting),
    scopes: shortHash(JSON.stringify(sighting.scopes)),
    start_nano: BigInt.asIntN(64, sighting.call.startNano).toString(),
    end_nano: BigInt.asIntN(64, sighting.call.endNano).toString(),
    members,
    owner_trace_id: owner.traceId,
    owner_span_id: owner.spanId,
    replay,
    keys: sighting.keys,
  }
  return `${JSON.stringify(row).slice(0, -1)},"sighting":${documentOf(sighting)}}`
}

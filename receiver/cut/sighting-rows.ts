import { createHash } from 'node:crypto'
import type pg from 'pg'
import { type CallDocument, callFromDocument, callToDocument } from '../../core/assembly-document.ts'
import type { SpanId, TenantId, TraceId } from '../../core/ids.ts'
import { nameOf, placeOf, type Sighting, tokensOf } from '../mirrors/sighting.ts'

/** A sighting as its row has it. */
export interface SightingRow {
  readonly tenantId: TenantId
  readonly sighting: Sighting
  /** What it may be compared by; null where ids alone count. */
  readonly place: string | null
  /** Names of the others of its unit. */
  readonly members: readonly string[]
  readonly owner: SightingId
  readonly replay: boolean
}

export interface SightingId {
  readonly traceId: TraceId
  readonly spanId: SpanId
}

/** Names a sighting in the table. */
export function rowName(tenantId: TenantId, name: string): string {
  return `${tenantId}\0${name}`
}

export function nameOfRow({ tenantId, sighting }: SightingRow): string {
  return rowName(tenantId, nameOf(sighting))
}

/** The place of a sighting as the table has it: a hash, as names of services know no bounds. */
export function placeKey(sighting: Sighting): string | null {
  const place = placeOf(sighting)
  return place === null ? null : shortHash(place)
}

export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

export const ROW_COLUMNS = `s.tenant_id, s.sighting, s.place, s.members, encode(s.trace_id, 'hex') as trace_id,
  encode(s.owner_trace_id, 'hex') as owner_trace_id, encode(s.owner_span_id, 'hex') as owner_span_id, s.replay`

export function rowOf(row: Readonly<Record<string, unknown>>): SightingRow {
  const { call, ...rest } = row.sighting as Omit<Sighting, 'call' | 'traceId'> & { call: CallDocument }
  return {
    tenantId: row.tenant_id as string,
    sighting: { traceId: row.trace_id as string, call: callFromDocument(call), ...rest },
    place: row.place as string | null,
    members: row.members as string[],
    owner: { traceId: row.owner_trace_id as string, spanId: row.owner_span_id as string },
    replay: row.replay as boolean,
  }
}

/** What decides, without the trace, which has a column of its own. */
export function documentOf({ traceId: _, call, ...rest }: Sighting): string {
  return JSON.stringify({ call: callToDocument(call), ...rest })
}

/** Writes the sightings of the traces that are cut: their events will say what these rows say. */
export async function writeOwnRows(client: pg.PoolClient, rows: readonly SightingRow[]): Promise<void> {
  if (rows.length === 0) return
  await client.query({
    name: 'cut_sightings',
    text: `
      insert into aforo_store.call_sightings (tenant_id, trace_id, span_id, place, tokens, start_nano, end_nano, keys,
        sighting, members, owner_trace_id, owner_span_id, replay, told)
      select tenant_id, decode(trace_id, 'hex'), decode(span_id, 'hex'), place, tokens, start_nano, end_nano,
        string_to_array(keys, ' '), sighting::jsonb, string_to_array(members, ' '), decode(owner_trace_id, 'hex'),
        decode(owner_span_id, 'hex'), replay, true
      from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::text[], $13::boolean[]) as own (tenant_id, trace_id, span_id, place,
        tokens, start_nano, end_nano, keys, sighting, members, owner_trace_id, owner_span_id, replay)
      on conflict (tenant_id, trace_id, span_id) do update set
        place = excluded.place, tokens = excluded.tokens, start_nano = excluded.start_nano,
        end_nano = excluded.end_nano, keys = excluded.keys, sighting = excluded.sighting, members = excluded.members,
        owner_trace_id = excluded.owner_trace_id, owner_span_id = excluded.owner_span_id, replay = excluded.replay,
        told = true`,
    values: columnsOf(rows),
  })
}

function columnsOf(rows: readonly SightingRow[]): unknown[] {
  return [
    rows.map((row) => row.tenantId),
    rows.map((row) => row.sighting.traceId),
    rows.map((row) => row.sighting.call.spanId),
    rows.map((row) => row.place),
    rows.map((row) => tokensOf(row.sighting)),
    rows.map((row) => signed(row.sighting.call.startNano)),
    rows.map((row) => signed(row.sighting.call.endNano)),
    rows.map((row) => row.sighting.keys.join(' ')),
    rows.map((row) => documentOf(row.sighting)),
    rows.map((row) => row.members.join(' ')),
    rows.map((row) => row.owner.traceId),
    rows.map((row) => row.owner.spanId),
    rows.map((row) => row.replay),
  ]
}

/** The bits of an unsigned number as those of a signed one. */
export function signed(nano: bigint): string {
  return BigInt.asIntN(64, nano).toString()
}

import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'
import { ROW_COLUMNS, rowOf, type SightingRow } from './sighting-rows.ts'

/** A stretch of time in a place in which sightings may be mirrors; `tokens` null: whatever they used. */
export interface Window {
  readonly tenantId: TenantId
  readonly place: string
  readonly tokens: string | null
  readonly from: bigint
  readonly to: bigint
}

type Client = pg.PoolClient

// Each is looked up through an index by itself, whatever the planner believes of a table that was small.

/** The rows of traces, and those that point to them. `traces` are hex, parallel to `tenants`. */
export async function readOfTraces(
  client: Client,
  tenants: readonly TenantId[],
  traces: readonly string[],
): Promise<SightingRow[]> {
  if (traces.length === 0) return []
  return read(
    client,
    'cut_sightings_of',
    `select ${ROW_COLUMNS}
     from unnest($1::text[], $2::text[]) as own (tenant_id, trace_id)
     cross join lateral (
       select * from aforo_store.call_sightings s
       where s.tenant_id = own.tenant_id and s.trace_id = decode(own.trace_id, 'hex') offset 0) s
     union all
     select ${ROW_COLUMNS}
     from unnest($1::text[], $2::text[]) as own (tenant_id, trace_id)
     cross join lateral (
       select * from aforo_store.call_sightings s
       where s.tenant_id = own.tenant_id and s.owner_trace_id = decode(own.trace_id, 'hex')
         and s.owner_trace_id <> s.trace_id offset 0) s`,
    [tenants, traces],
  )
}

/** The rows of those names, `trace/span` each, parallel to `tenants`. */
export async function readNamed(
  client: Client,
  tenants: readonly TenantId[],
  names: readonly string[],
): Promise<SightingRow[]> {
  if (names.length === 0) return []
  return read(
    client,
    'cut_sightings_named',
    `select ${ROW_COLUMNS}
     from unnest($1::text[], $2::text[]) as named (tenant_id, name)
     cross join lateral (
       select * from aforo_store.call_sightings s
       where s.tenant_id = named.tenant_id and s.trace_id = decode(split_part(named.name, '/', 1), 'hex')
         and s.span_id = decode(split_part(named.name, '/', 2), 'hex') offset 0) s`,
    [tenants, names],
  )
}

/** The rows within windows, at most `rowsMax`, the earliest first. */
export async function readWindows(
  client: Client,
  windows: readonly Window[],
  apartNanoMax: bigint,
  rowsMax: number,
): Promise<SightingRow[]> {
  return read(
    client,
    'cut_sightings_near',
    `select distinct on (s.start_nano, s.tenant_id, s.trace_id, s.span_id) ${ROW_COLUMNS}
     from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
       as near (tenant_id, place, tokens, start, stop)
     cross join lateral (
       select * from aforo_store.call_sightings s
       where s.tenant_id = near.tenant_id and s.place = near.place
         and s.start_nano between near.start - $6::bigint and near.stop
         and s.end_nano >= near.start and (s.tokens is null or near.tokens is null
           or string_to_array(s.tokens, ' ') && string_to_array(near.tokens, ' '))
       offset 0) s
     order by s.start_nano, s.tenant_id, s.trace_id, s.span_id
     limit $7`,
    [
      windows.map((window) => window.tenantId),
      windows.map((window) => window.place),
      windows.map((window) => window.tokens),
      windows.map((window) => window.from.toString()),
      windows.map((window) => window.to.toString()),
      apartNanoMax.toString(),
      rowsMax,
    ],
  )
}

async function read(client: Client, name: string, text: string, values: unknown[]): Promise<SightingRow[]> {
  const { rows } = await client.query<Record<string, unknown>>({ name, text, values })
  return rows.map(rowOf)
}

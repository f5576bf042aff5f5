import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'
import { type KeyUse, type PlaceUse, SEEN_BY_MAX } from '../cut/sighting-locks.ts'
import { ROW_COLUMNS, rowName, rowOf, type SightingRow } from '../cut/sighting-rows.ts'
import type { SightingSource } from '../cut/sighting-search.ts'
import { APART_NANO_MAX } from '../mirrors/places.ts'

/**
 * Sightings of all traces, read without a lock: of those that were looked at while open as they were then, of the others
 * as they were cut.
 */
export interface OpenSightings extends SightingSource {
  /** The rows of traces, and those that point to them. `traces` are hex, parallel to `tenants`. */
  ofTraces(tenants: readonly TenantId[], traces: readonly string[]): Promise<SightingRow[]>
  /** Which places have calls that several instrumentations told of. */
  comparedPlaces(uses: readonly PlaceUse[]): Promise<(tenantId: TenantId, place: string) => boolean>
}

const COLUMNS = `tenant_id, trace_id, span_id, place, tokens, start_nano, end_nano, sighting, members, owner_trace_id,
  owner_span_id, replay`

/** Rows of either table that a condition on `s` lets pass, each found through its own index. */
const eitherOf = (condition: string) => `(
    select ${COLUMNS} from aforo_store.open_sightings s where ${condition}
    union all
    select ${COLUMNS} from aforo_store.call_sightings s where ${condition} and not exists (
      select from aforo_store.open_sightings o where o.tenant_id = s.tenant_id and o.trace_id = s.trace_id)
    offset 0) s`

const OF_TRACES = `
  select ${ROW_COLUMNS} from unnest($1::text[], $2::text[]) as own (tenant_id, trace_id)
  cross join lateral ${eitherOf(`s.tenant_id = own.tenant_id and s.trace_id = decode(own.trace_id, 'hex')`)}`

const POINTING = `
  select ${ROW_COLUMNS} from unnest($1::text[], $2::text[]) as own (tenant_id, trace_id)
  cross join lateral ${eitherOf(`s.tenant_id = own.tenant_id and s.owner_trace_id = decode(own.trace_id, 'hex')
    and s.owner_trace_id <> s.trace_id`)}`

const NAMED = `
  select ${ROW_COLUMNS} from unnest($1::text[], $2::text[]) as named (tenant_id, name)
  cross join lateral ${eitherOf(`s.tenant_id = named.tenant_id
    and s.trace_id = decode(split_part(named.name, '/', 1), 'hex')
    and s.span_id = decode(split_part(named.name, '/', 2), 'hex')`)}`

const NEAR = `
  select distinct on (s.start_nano, s.tenant_id, s.trace_id, s.span_id) ${ROW_COLUMNS}
  from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
    as near (tenant_id, place, tokens, start, stop)
  cross join lateral ${eitherOf(`s.tenant_id = near.tenant_id and s.place = near.place
    and s.start_nano between near.start - $6::bigint and near.stop and s.end_nano >= near.start
    and (s.tokens is null or near.tokens is null
      or string_to_array(s.tokens, ' ') && string_to_array(near.tokens, ' '))`)}
  order by s.start_nano, s.tenant_id, s.trace_id, s.span_id
  limit $7`

const KEYS = `
  select tenant_id, key, array_agg(name) as names from (
    select own.tenant_id, own.key, unnest(known.seen_by) as name
    from unnest($1::text[], $2::text[]) as own (tenant_id, key)
    cross join lateral (
      select seen_by from aforo_store.call_keys k where k.tenant_id = own.tenant_id and k.key = own.key offset 0) known
    union
    select own.tenant_id, own.key, encode(seen.trace_id, 'hex') || '/' || encode(seen.span_id, 'hex')
    from unnest($1::text[], $2::text[]) as own (tenant_id, key)
    cross join lateral (
      select trace_id, span_id from aforo_store.open_sighting_keys k
      where k.tenant_id = own.tenant_id and k.key = own.key
      order by trace_id, span_id limit ${SEEN_BY_MAX}) seen) told
  group by tenant_id, key`

const SCOPES = `
  select own.tenant_id, own.place, known.scopes
  from unnest($1::text[], $2::text[]) as own (tenant_id, place)
  cross join lateral (
    select scopes from aforo_store.place_scopes p where p.tenant_id = own.tenant_id and p.place = own.place
    union
    select scopes from aforo_store.open_sightings s where s.tenant_id = own.tenant_id and s.place = own.place) known`

export function openSightings(client: pg.PoolClient): OpenSightings {
  const read = async (name: string, text: string, values: unknown[]): Promise<SightingRow[]> => {
    const { rows } = await client.query<Record<string, unknown>>({ name, text, values })
    return rows.map(rowOf)
  }
  return {
    async ofTraces(tenants, traces) {
      const own = await read('open_sightings_of', OF_TRACES, [tenants, traces])
      return [...own, ...(await read('open_sightings_pointing', POINTING, [tenants, traces]))]
    },
    named: (tenants, names) => read('open_sightings_named', NAMED, [tenants, names]),
    windows: (windows, rowsMax) =>
      read('open_sightings_near', NEAR, [
        windows.map((window) => window.tenantId),
        windows.map((window) => window.place),
        windows.map((window) => window.tokens),
        windows.map((window) => window.from.toString()),
        windows.map((window) => window.to.toString()),
        APART_NANO_MAX.toString(),
        rowsMax,
      ]),
    async keys(uses) {
      if (uses.length === 0) return []
      const { rows } = await client.query<{ tenant_id: string; key: string; names: string[] }>({
        name: 'open_sightings_keys',
        text: KEYS,
        values: [uses.map((use) => use.tenantId), uses.map((use) => use.key)],
      })
      return rows.map((row): KeyUse => ({ tenantId: row.tenant_id, key: row.key, names: row.names }))
    },
    async comparedPlaces(uses) {
      if (uses.length === 0) return () => false
      const known = new Map<string, Set<string>>()
      const add = (tenantId: string, place: string, scopes: string) => {
        const name = rowName(tenantId, place)
        known.set(name, (known.get(name) ?? new Set()).add(scopes))
      }
      for (const { tenantId, place, scopes } of uses) add(tenantId, place, scopes)
      const places = [...new Map(uses.map((use) => [rowName(use.tenantId, use.place), use])).values()]
      const { rows } = await client.query<{ tenant_id: string; place: string; scopes: string }>({
        name: 'open_sightings_scopes',
        text: SCOPES,
        values: [places.map((use) => use.tenantId), places.map((use) => use.place)],
      })
      for (const row of rows) add(row.tenant_id, row.place, row.scopes)
      return (tenantId, place) => (known.get(rowName(tenantId, place))?.size ?? 0) > 1
    },
  }
}

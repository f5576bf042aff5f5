import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'

/*
 * Who decides about sightings holds the place they were made in and every id they carry, so that two cutters never
 * decide about one call at once. Places come before ids, each in one order over all processes.
 */

/** What was true when the locks were chosen is no longer: to be done again from the start. */
export class LockedTooLittle extends Error {}

export interface PlaceUse {
  readonly tenantId: TenantId
  readonly place: string
  /** The scopes of one of its calls, as a hash. */
  readonly scopes: string
}

/** First number of the advisory locks of places. */
const PLACE_LOCKS = 0x6d69
/** Places share this many locks: a transaction may hold no more than the server has room for. */
const PLACE_LOCK_SLOTS = 256

/**
 * Locks places until the transaction ends: shared where all calls were told by the same instrumentations, as then no
 * two can be of one call, else alone.
 * @returns whether a place has several, so that its calls are to be compared
 * @throws LockedTooLittle where that changed meanwhile
 */
export async function lockPlaces(
  client: pg.PoolClient,
  uses: readonly PlaceUse[],
): Promise<(tenantId: TenantId, place: string) => boolean> {
  const places = [...Map.groupBy(uses, (use) => placeName(use.tenantId, use.place)).values()]
  if (places.length === 0) return () => false
  const known = await readScopes(client, places)
  const alone = places.filter((place) => isNew(place, known) || isCompared(place, known))
  await client.query({
    name: 'cut_lock_places',
    text: `
      select case when alone then pg_advisory_xact_lock(${PLACE_LOCKS}, slot)
        else pg_advisory_xact_lock_shared(${PLACE_LOCKS}, slot) end
      from (
        select hashtext(name) & ${PLACE_LOCK_SLOTS - 1} as slot, bool_or(alone) as alone
        from unnest($1::text[], $2::boolean[]) as place (name, alone)
        group by 1 order by 1 offset 0) slots`,
    values: [
      places.map(([use]) => `${use!.tenantId} ${use!.place}`),
      places.map((place) => alone.includes(place)),
    ],
  })
  const now = await readScopes(client, places)
  for (const place of places) {
    if (!alone.includes(place) && isCompared(place, now)) throw new LockedTooLittle()
  }
  await addScopes(
    client,
    places.filter((place) => isNew(place, now)),
  )
  const compared = new Set(
    places.filter((place) => isCompared(place, now)).map(([use]) => placeName(use!.tenantId, use!.place)),
  )
  return (tenantId, place) => compared.has(placeName(tenantId, place))
}

type Scopes = ReadonlyMap<string, ReadonlySet<string>>

function isNew(place: readonly PlaceUse[], known: Scopes): boolean {
  return place.some((use) => known.get(placeName(use.tenantId, use.place))?.has(use.scopes) !== true)
}

function isCompared(place: readonly PlaceUse[], known: Scopes): boolean {
  const [use] = place
  const all = new Set(known.get(placeName(use!.tenantId, use!.place)))
  for (const { scopes } of place) all.add(scopes)
  return all.size > 1
}

async function readScopes(client: pg.PoolClient, places: readonly (readonly PlaceUse[])[]): Promise<Scopes> {
  const { rows } = await client.query<{ tenant_id: string; place: string; scopes: string }>({
    name: 'cut_place_scopes',
    text: `
      select known.tenant_id, known.place, known.scopes
      from unnest($1::text[], $2::text[]) as own (tenant_id, place)
      join aforo_store.place_scopes known using (tenant_id, place)`,
    values: [places.map(([use]) => use!.tenantId), places.map(([use]) => use!.place)],
  })
  const groups = Map.groupBy(rows, (row) => placeName(row.tenant_id, row.place))
  return new Map([...groups].map(([name, found]) => [name, new Set(found.map((row) => row.scopes))]))
}

async function addScopes(client: pg.PoolClient, places: readonly (readonly PlaceUse[])[]): Promise<void> {
  const uses = places.flat()
  if (uses.length === 0) return
  await client.query({
    name: 'cut_place_scopes_add',
    text: `
      insert into aforo_store.place_scopes (tenant_id, place, scopes)
      select distinct * from unnest($1::text[], $2::text[], $3::text[]) as own order by 1, 2, 3
      on conflict do nothing`,
    values: [uses.map((use) => use.tenantId), uses.map((use) => use.place), uses.map((use) => use.scopes)],
  })
}

function placeName(tenantId: TenantId, place: string): string {
  return `${tenantId}\0${place}`
}

export interface KeyUse {
  readonly tenantId: TenantId
  readonly key: string
  /** Names of sightings that carry it, to be remembered. */
  readonly names: readonly string[]
}

/** As many sightings of one id are remembered; a later one is not compared with others. */
export const SEEN_BY_MAX = 64

/**
 * Locks ids until the transaction ends and remembers who carries them.
 * @returns for each the names of all that do or did
 */
export async function lockKeys(client: pg.PoolClient, uses: readonly KeyUse[]): Promise<KeyUse[]> {
  if (uses.length === 0) return []
  const { rows } = await client.query<{ tenant_id: string; key: string; seen_by: string[] }>({
    name: 'cut_lock_keys',
    text: `
      insert into aforo_store.call_keys as known (tenant_id, key, seen_by)
      select tenant_id, key, string_to_array(names, ' ')
      from unnest($1::text[], $2::text[], $3::text[]) as own (tenant_id, key, names)
      order by tenant_id, key
      on conflict (tenant_id, key) do update set seen_by = case
        when known.seen_by @> excluded.seen_by then known.seen_by
        else (known.seen_by || array(
          select unnest(excluded.seen_by) except select unnest(known.seen_by)))[1:${SEEN_BY_MAX}] end
      returning tenant_id, key, seen_by`,
    values: [
      uses.map((use) => use.tenantId),
      uses.map((use) => use.key),
      uses.map((use) => use.names.slice(0, SEEN_BY_MAX).join(' ')),
    ],
  })
  return rows.map((row) => ({ tenantId: row.tenant_id, key: row.key, names: row.seen_by }))
}

import type { TenantId } from '../../core/ids.ts'
import { SAME_CLOCK_SLACK_NANO } from '../assemble/identity.ts'
import { sightingName, tokensOf } from '../mirrors/sighting.ts'
import type { SightingBoard } from './sighting-board.ts'
import type { KeyUse, PlaceUse } from './sighting-locks.ts'
import type { Window } from './sighting-lookups.ts'
import { rowName, type SightingRow, shortHash } from './sighting-rows.ts'

/** Where sightings of other traces are looked up: among those that are cut, under locks, or among open ones too. */
export interface SightingSource {
  /** The rows within windows, at most `rowsMax`, the earliest first. */
  windows(windows: readonly Window[], rowsMax: number): Promise<SightingRow[]>
  /** The rows of those names, `trace/span` each, parallel to `tenants`. */
  named(tenants: readonly TenantId[], names: readonly string[]): Promise<SightingRow[]>
  /** Who carries ids. */
  keys(uses: readonly KeyUse[]): Promise<readonly KeyUse[]>
}

/** Rows of other traces that are taken into account; beyond it mirrors are not found. */
const OTHER_ROWS_MAX = 4_000
/** How often found sightings lead to further ones. */
const ROUNDS_MAX = 6

/** Reads what was seen around the sightings in compared places, and around what that leads to. */
export async function lookAround(
  source: SightingSource,
  board: SightingBoard,
  inComparedPlace: (row: SightingRow) => boolean,
): Promise<void> {
  let fresh = [...board.own, ...board.before, ...board.others].filter(inComparedPlace)
  for (let round = 0; fresh.length > 0 && round < ROUNDS_MAX; round++) {
    const room = OTHER_ROWS_MAX - board.others.length
    if (room <= 0) return
    const found = await source.windows(windowsOf(fresh), room)
    fresh = board.addStored(found).filter(inComparedPlace)
  }
}

/** Stretches of time, joined where they overlap. */
function windowsOf(rows: readonly SightingRow[]): readonly Window[] {
  const groups = Map.groupBy(rows, (row) => JSON.stringify([row.tenantId, row.place, tokensOf(row.sighting)]))
  return [...groups.values()].flatMap((group) => {
    const [{ tenantId, place, sighting }] = group as [SightingRow, ...SightingRow[]]
    const joined: { from: bigint; to: bigint }[] = []
    const spans = group.map(({ sighting: { call } }) => ({
      from: call.startNano - SAME_CLOCK_SLACK_NANO,
      to: call.endNano + SAME_CLOCK_SLACK_NANO,
    }))
    for (const span of spans.sort((a, b) => (a.from < b.from ? -1 : 1))) {
      const last = joined.at(-1)
      if (last === undefined || span.from > last.to) joined.push(span)
      else if (span.to > last.to) last.to = span.to
    }
    return joined.map((span) => ({ tenantId, place: place!, tokens: tokensOf(sighting), ...span }))
  })
}

/** Locks the ids of all sightings at stake and reads who else carries them, until nobody new is found. */
export async function followKeys(source: SightingSource, board: SightingBoard): Promise<void> {
  const locked = new Set<string>()
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const uses = keyUses(board).filter((use) => !locked.has(`${use.tenantId}\0${use.key}`))
    for (const use of uses) locked.add(`${use.tenantId}\0${use.key}`)
    const seen = await source.keys(uses)
    const wanted = new Map<string, readonly [string, string]>()
    const want = (tenantId: string, name: string) => {
      if (!board.has(rowName(tenantId, name))) wanted.set(rowName(tenantId, name), [tenantId, name])
    }
    for (const { tenantId, names } of seen) for (const name of names) want(tenantId, name)
    for (const row of board.others) for (const name of row.members) want(row.tenantId, name)
    if (wanted.size === 0 || board.others.length > OTHER_ROWS_MAX) return
    const asked = [...wanted.values()]
    const found = await source.named(
      asked.map(([tenantId]) => tenantId),
      asked.map(([, name]) => name),
    )
    if (board.addStored(found).length === 0) return
  }
}

/** The places of the sightings that are decided about, with who told of them. */
export function placeUses(board: SightingBoard): PlaceUse[] {
  const uses = new Map<string, PlaceUse>()
  for (const { tenantId, place, sighting } of [...board.own, ...board.before]) {
    if (place === null) continue
    const scopes = shortHash(JSON.stringify(sighting.scopes))
    uses.set(`${tenantId}\0${place}\0${scopes}`, { tenantId, place, scopes })
  }
  return [...uses.values()]
}

function keyUses(board: SightingBoard): KeyUse[] {
  const own = new Set(board.own)
  const uses = new Map<string, { tenantId: string; key: string; names: string[] }>()
  for (const row of [...board.own, ...board.before, ...board.others]) {
    for (const key of row.sighting.keys) {
      const name = `${row.tenantId}\0${key}`
      const use = uses.get(name) ?? { tenantId: row.tenantId, key, names: [] }
      uses.set(name, use)
      if (own.has(row)) use.names.push(sightingName(row.sighting.traceId, row.sighting.call.spanId))
    }
  }
  return [...uses.values()]
}

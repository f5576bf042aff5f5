import type pg from 'pg'
import type { Assembly } from '../../core/assembly.ts'
import type { SpanId } from '../../core/ids.ts'
import type { Usage } from '../../core/usage.ts'
import { SAME_CLOCK_SLACK_NANO } from '../assemble/identity.ts'
import { withMirrors } from '../mirrors/apply.ts'
import type { CallGroup } from '../mirrors/groups.ts'
import { APART_NANO_MAX } from '../mirrors/places.ts'
import { sightingName, sightingsOf, tokensOf } from '../mirrors/sighting.ts'
import { SightingBoard } from './sighting-board.ts'
import { type KeyUse, lockKeys, lockPlaces, type PlaceUse } from './sighting-locks.ts'
import { readNamed, readOfTraces, readWindows, type Window } from './sighting-lookups.ts'
import { nameOfRow, placeKey, rowName, type SightingRow, shortHash, writeOwnRows } from './sighting-rows.ts'
import { removeRows, writeOtherRows } from './sighting-verdicts.ts'
import { readTenantsByPlace } from './tenant-rules.ts'
import type { DueTrace, TraceKey } from './trace.ts'

/** A trace on its own, before other traces were looked at. */
export interface AssembledTrace {
  readonly trace: DueTrace
  readonly usages: readonly Usage[]
  readonly assembly: Assembly
}

/** What a cut found out about calls that several traces tell of. */
export interface SettledMirrors {
  /** Of the traces that are cut, in their order, with the calls that are theirs. */
  readonly assemblies: readonly Assembly[]
  /** Other traces, whose events are wrong until they are cut again. */
  readonly moved: readonly TraceKey[]
}

/** Rows of other traces that a cut takes into account; beyond it mirrors are not found. */
export const OTHER_ROWS_MAX = 4_000
/** How often found sightings lead to further ones. */
const ROUNDS_MAX = 6

/** Writes what traces that are cut saw, and decides with all other sightings of the same calls who has them. */
export async function settleMirrors(
  client: pg.PoolClient,
  cuts: readonly AssembledTrace[],
): Promise<SettledMirrors> {
  const board = new SightingBoard()
  const byPlace = await readTenantsByPlace(client, cuts)
  for (const { trace, usages, assembly } of cuts) {
    board.addTrace(trace.tenantId, trace.traceId)
    for (const sighting of sightingsOf(assembly, usages)) {
      const owner = { traceId: trace.traceId, spanId: sighting.call.spanId }
      const place = byPlace(trace.tenantId) ? placeKey(sighting) : null
      board.addOwn({ tenantId: trace.tenantId, sighting, place, members: [], owner, replay: false })
    }
  }
  const again = cuts
    .filter(({ trace }) => trace.revision >= 0 || trace.attempts > 0)
    .map(({ trace }) => trace)
  // The rows of these traces, and those of others that point to them.
  const readAgain = async () => {
    const tenants = again.map((trace) => trace.tenantId)
    const traces = again.map((trace) => trace.traceId)
    board.addStored(await readOfTraces(client, tenants, traces))
  }
  await readAgain()
  if (board.own.length + board.before.length === 0) {
    return { assemblies: cuts.map(({ assembly }) => assembly), moved: [] }
  }

  const isCompared = await lockPlaces(client, placeUses(board))
  if (again.length > 0) {
    // What others decided about these rows before the locks were taken.
    board.clearStored()
    await readAgain()
  }
  const inComparedPlace = (row: SightingRow) => row.place !== null && isCompared(row.tenantId, row.place)
  await lookAround(client, board, inComparedPlace)
  board.pair(inComparedPlace)
  await followKeys(client, board)
  await readAgain()
  const { own, groupOf, others, owners } = board.decide(await readNow(client, board))
  await removeRows(client, again)
  await writeOwnRows(client, own)
  await writeOtherRows(client, others, owners)
  const assemblies = cuts.map(({ trace, assembly }) => {
    const groups = new Map<SpanId, CallGroup>()
    for (const call of assembly.calls) {
      const group = groupOf.get(rowName(trace.tenantId, sightingName(trace.traceId, call.spanId)))
      if (group !== undefined && (group.sightings.length > 1 || group.replay)) groups.set(call.spanId, group)
    }
    return groups.size === 0 ? assembly : withMirrors(assembly, trace.traceId, groups)
  })
  return { assemblies, moved: tracesOf([...others.map(nameOfRow), ...owners]) }
}

/** The traces of rows, each once. */
function tracesOf(rowNames: readonly string[]): TraceKey[] {
  const names = new Set(rowNames.map((name) => name.slice(0, name.lastIndexOf('/'))))
  return [...names].map((name) => {
    const [tenantId, traceId] = name.split('\0') as [string, string]
    return { tenantId, traceId }
  })
}

function placeUses(board: SightingBoard): PlaceUse[] {
  const uses = new Map<string, PlaceUse>()
  for (const { tenantId, place, sighting } of [...board.own, ...board.before]) {
    if (place === null) continue
    const scopes = shortHash(JSON.stringify(sighting.scopes))
    uses.set(`${tenantId}\0${place}\0${scopes}`, { tenantId, place, scopes })
  }
  return [...uses.values()]
}

/** Reads what was seen around the sightings in compared places, and around what that leads to. */
async function lookAround(
  client: pg.PoolClient,
  board: SightingBoard,
  inComparedPlace: (row: SightingRow) => boolean,
): Promise<void> {
  let fresh = [...board.own, ...board.before, ...board.others].filter(inComparedPlace)
  for (let round = 0; fresh.length > 0 && round < ROUNDS_MAX; round++) {
    const room = OTHER_ROWS_MAX - board.others.length
    if (room <= 0) return
    const found = await readWindows(client, windowsOf(fresh), APART_NANO_MAX, room)
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
async function followKeys(client: pg.PoolClient, board: SightingBoard): Promise<void> {
  const locked = new Set<string>()
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const uses = keyUses(board).filter((use) => !locked.has(`${use.tenantId}\0${use.key}`))
    for (const use of uses) locked.add(`${use.tenantId}\0${use.key}`)
    const seen = await lockKeys(client, uses)
    const wanted = new Map<string, readonly [string, string]>()
    const want = (tenantId: string, name: string) => {
      if (!board.has(rowName(tenantId, name))) wanted.set(rowName(tenantId, name), [tenantId, name])
    }
    for (const { tenantId, names } of seen) for (const name of names) want(tenantId, name)
    for (const row of board.others) for (const name of row.members) want(row.tenantId, name)
    if (wanted.size === 0 || board.others.length > OTHER_ROWS_MAX) return
    const asked = [...wanted.values()]
    const found = await readNamed(
      client,
      asked.map(([tenantId]) => tenantId),
      asked.map(([, name]) => name),
    )
    if (board.addStored(found).length === 0) return
  }
}

/** The rows of other traces as they are under all locks. */
async function readNow(client: pg.PoolClient, { others }: SightingBoard): Promise<SightingRow[]> {
  return readNamed(
    client,
    others.map((row) => row.tenantId),
    others.map(({ sighting }) => sightingName(sighting.traceId, sighting.call.spanId)),
  )
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

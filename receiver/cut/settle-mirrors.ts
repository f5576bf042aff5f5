import type pg from 'pg'
import type { Assembly } from '../../core/assembly.ts'
import type { SpanId, TenantId } from '../../core/ids.ts'
import type { Usage } from '../../core/usage.ts'
import { queueBudgeted } from '../../schema/budgets/queue.ts'
import { withMirrors } from '../mirrors/apply.ts'
import type { CallGroup } from '../mirrors/groups.ts'
import { APART_NANO_MAX } from '../mirrors/places.ts'
import { sightingName, sightingsOf } from '../mirrors/sighting.ts'
import { SightingBoard } from './sighting-board.ts'
import { lockKeys, lockPlaces } from './sighting-locks.ts'
import { readNamed, readOfTraces, readWindows } from './sighting-lookups.ts'
import { nameOfRow, placeKey, rowName, type SightingRow, writeOwnRows } from './sighting-rows.ts'
import { followKeys, lookAround, placeUses, type SightingSource } from './sighting-search.ts'
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

/** Writes what traces that are cut saw, and decides with all other sightings of the same calls who has them. */
export async function settleMirrors(
  client: pg.PoolClient,
  cuts: readonly AssembledTrace[],
): Promise<SettledMirrors> {
  const board = boardOf(cuts, await readTenantsByPlace(client, cuts))
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
  const source = lockedSource(client)
  await lookAround(source, board, inComparedPlace)
  board.pair(inComparedPlace)
  await followKeys(source, board)
  await readAgain()
  const { own, groupOf, others, owners } = board.decide(await readNow(client, board))
  await removeRows(client, again)
  await writeOwnRows(client, own)
  await writeOtherRows(client, others, owners)
  const groups = cuts.map((cut) => groupsOf(cut, groupOf))
  const moved = tracesOf([...others.map(nameOfRow), ...owners])
  // Whoever looked at one of them before may have known less than was decided here.
  const mirrored = cuts.flatMap(({ trace }, i) => (groups[i]!.size === 0 ? [] : trace))
  await queueBudgeted(client, [...mirrored, ...moved])
  return { assemblies: cuts.map((cut, i) => withGroups(cut, groups[i]!)), moved }
}

/** What traces saw, each call as its own until it is decided who has it. */
export function boardOf(
  cuts: readonly AssembledTrace[],
  byPlace: (tenantId: TenantId) => boolean,
): SightingBoard {
  const board = new SightingBoard()
  for (const { trace, usages, assembly } of cuts) {
    board.addTrace(trace.tenantId, trace.traceId)
    for (const sighting of sightingsOf(assembly, usages)) {
      const owner = { traceId: trace.traceId, spanId: sighting.call.spanId }
      const place = byPlace(trace.tenantId) ? placeKey(sighting) : null
      board.addOwn({ tenantId: trace.tenantId, sighting, place, members: [], owner, replay: false })
    }
  }
  return board
}

/** The calls and tools of a trace that others saw too, or that were answered before, by their span. */
export function groupsOf(
  { trace, assembly }: AssembledTrace,
  groupOf: ReadonlyMap<string, CallGroup>,
): ReadonlyMap<SpanId, CallGroup> {
  const groups = new Map<SpanId, CallGroup>()
  for (const { spanId } of [...assembly.calls, ...assembly.tools]) {
    const group = groupOf.get(rowName(trace.tenantId, sightingName(trace.traceId, spanId)))
    if (group !== undefined && (group.sightings.length > 1 || group.replay)) groups.set(spanId, group)
  }
  return groups
}

function withGroups({ trace, assembly }: AssembledTrace, groups: ReadonlyMap<SpanId, CallGroup>): Assembly {
  return groups.size === 0 ? assembly : withMirrors(assembly, trace.traceId, groups)
}

/** The traces of rows, each once. */
export function tracesOf(rowNames: readonly string[]): TraceKey[] {
  const names = new Set(rowNames.map((name) => name.slice(0, name.lastIndexOf('/'))))
  return [...names].map((name) => {
    const [tenantId, traceId] = name.split('\0') as [string, string]
    return { tenantId, traceId }
  })
}

/** The rows of other traces as they are under all locks. */
async function readNow(client: pg.PoolClient, { others }: SightingBoard): Promise<SightingRow[]> {
  return readNamed(
    client,
    others.map((row) => row.tenantId),
    others.map(({ sighting }) => sightingName(sighting.traceId, sighting.call.spanId)),
  )
}

function lockedSource(client: pg.PoolClient): SightingSource {
  return {
    windows: (windows, rowsMax) => readWindows(client, windows, APART_NANO_MAX, rowsMax),
    named: (tenants, names) => readNamed(client, tenants, names),
    keys: (uses) => lockKeys(client, uses),
  }
}

import type pg from 'pg'
import type { Assembly } from '../../core/assembly.ts'
import { type AssembledTrace, boardOf, groupsOf, tracesOf } from '../cut/settle-mirrors.ts'
import { readOfTraces } from '../cut/sighting-lookups.ts'
import { nameOfRow, rowName, type SightingRow } from '../cut/sighting-rows.ts'
import { followKeys, lookAround, placeUses } from '../cut/sighting-search.ts'
import { readTenantsByPlace } from '../cut/tenant-rules.ts'
import type { TraceKey } from '../cut/trace.ts'
import { withMirrors } from '../mirrors/apply.ts'
import type { CallGroup } from '../mirrors/groups.ts'
import { sightingName } from '../mirrors/sighting.ts'
import { openSightings } from './lookups.ts'
import { isSameRow, writeOpenRows } from './write.ts'

/** What open traces amount to once it is weighed who has which call. */
export interface OpenMirrors {
  /** In the order of the traces. */
  readonly traces: readonly {
    readonly assembly: Assembly
    readonly mirrored: boolean
    /** Its calls are whose they were when it was cut. */
    readonly isAsCut: boolean
  }[]
  /** Other traces that have more or fewer calls now. */
  readonly moved: readonly TraceKey[]
  /** In the order of the traces, others that tell of calls of each, or did. */
  readonly partners: readonly (readonly TraceKey[])[]
  /** Remembers what was decided. */
  write(): Promise<void>
}

/**
 * Decides as the cut does whose the calls of traces are, over what all other traces saw, open or cut. Nothing is locked:
 * of a tenant one alone looks at open traces, and what a cut decides meanwhile has the trace looked at again.
 */
export async function weighMirrors(
  client: pg.PoolClient,
  traces: readonly AssembledTrace[],
): Promise<OpenMirrors> {
  const board = boardOf(traces, await readTenantsByPlace(client, traces))
  const keys = traces.map(({ trace }) => trace)
  const tenants = keys.map((trace) => trace.tenantId)
  const ids = keys.map((trace) => trace.traceId)
  const source = openSightings(client)
  const stored = traces.length === 0 ? [] : await source.ofTraces(tenants, ids)
  board.addStored(stored)
  if (board.own.length + board.before.length === 0) {
    const untouched = traces.map(({ assembly }) => ({ assembly, mirrored: false, isAsCut: true }))
    return { traces: untouched, moved: [], partners: traces.map(() => []), write: async () => {} }
  }
  const isCompared = await source.comparedPlaces(placeUses(board))
  const inComparedPlace = (row: SightingRow) => row.place !== null && isCompared(row.tenantId, row.place)
  await lookAround(source, board, inComparedPlace)
  board.pair(inComparedPlace)
  await followKeys(source, board)
  const { before, others } = board
  const {
    own,
    groupOf,
    others: changed,
    owners,
  } = board.decide(others.length === 0 ? [] : await source.named(...namesOf(others)))
  const cut = await cutRows(client, keys)
  const byTrace = Map.groupBy(own, (row) => rowName(row.tenantId, row.sighting.traceId))
  const weighed = traces.map((each) => {
    const { tenantId, traceId } = each.trace
    const groups = groupsOf(each, groupOf)
    const rows = byTrace.get(rowName(tenantId, traceId)) ?? []
    return {
      assembly: groups.size === 0 ? each.assembly : withMirrors(each.assembly, traceId, groups),
      mirrored: groups.size > 0,
      isAsCut: rows.every((row) => isSameRow(row, cut.get(nameOfRow(row)))),
    }
  })
  return {
    traces: weighed,
    moved: tracesOf([...changed.map(nameOfRow), ...owners]),
    partners: partnersOf(traces, groupOf, stored),
    write: async () => writeOpenRows(client, keys, own, before, await remembered(client, keys)),
  }
}

/** By the calls that they have in common by now, and by what rows said of whose calls are whose. */
function partnersOf(
  traces: readonly AssembledTrace[],
  groupOf: ReadonlyMap<string, CallGroup>,
  stored: readonly SightingRow[],
): readonly (readonly TraceKey[])[] {
  const own = new Map(traces.map(({ trace }) => [rowName(trace.tenantId, trace.traceId), new Set<string>()]))
  for (const each of traces) {
    const found = own.get(rowName(each.trace.tenantId, each.trace.traceId))!
    for (const { sightings } of groupsOf(each, groupOf).values()) {
      for (const { traceId } of sightings) found.add(traceId)
    }
  }
  for (const { tenantId, sighting, owner } of stored) {
    own.get(rowName(tenantId, sighting.traceId))?.add(owner.traceId)
    own.get(rowName(tenantId, owner.traceId))?.add(sighting.traceId)
  }
  return traces.map(({ trace: { tenantId, traceId } }) =>
    [...own.get(rowName(tenantId, traceId))!]
      .filter((other) => other !== traceId)
      .map((other) => ({ tenantId, traceId: other })),
  )
}

function namesOf(rows: readonly SightingRow[]): [string[], string[]] {
  return [
    rows.map((row) => row.tenantId),
    rows.map(({ sighting }) => sightingName(sighting.traceId, sighting.call.spanId)),
  ]
}

/** The rows that traces were cut with, by name. */
async function cutRows(
  client: pg.PoolClient,
  traces: readonly { readonly tenantId: string; readonly traceId: string; readonly revision: number }[],
): Promise<ReadonlyMap<string, SightingRow>> {
  const cut = traces.filter(({ revision }) => revision >= 0)
  const rows = await readOfTraces(
    client,
    cut.map((trace) => trace.tenantId),
    cut.map((trace) => trace.traceId),
  )
  return new Map(rows.map((row) => [nameOfRow(row), row]))
}

/** Of traces those that have rows of their own here, by name. */
async function remembered(client: pg.PoolClient, traces: readonly TraceKey[]): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ tenant_id: string; trace_id: string }>({
    name: 'open_sightings_remembered',
    text: `
      select tenant_id, trace_id from unnest($1::text[], $2::text[]) as key (tenant_id, trace_id)
      where exists (
        select from aforo_store.open_sightings s
        where s.tenant_id = key.tenant_id and s.trace_id = decode(key.trace_id, 'hex'))`,
    values: [traces.map((trace) => trace.tenantId), traces.map((trace) => trace.traceId)],
  })
  return new Set(rows.map((row) => rowName(row.tenant_id, row.trace_id)))
}

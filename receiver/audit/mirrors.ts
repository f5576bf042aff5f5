import { isDeepStrictEqual } from 'node:util'
import type { Findings } from '../../core/audit.ts'
import type { SpanId } from '../../core/ids.ts'
import type { AssembledTrace } from '../cut/settle-mirrors.ts'
import { nameOfRow, rowName, type SightingRow } from '../cut/sighting-rows.ts'
import type { CallGroup } from '../mirrors/groups.ts'
import { bySightingStart, nameOf, type Sighting, sightingsOf } from '../mirrors/sighting.ts'

/** The stored sightings of traces, and of the calls of theirs that other traces saw too, by name. */
export type StoredSightings = ReadonlyMap<string, SightingRow>

export function storedSightings(rows: readonly SightingRow[]): StoredSightings {
  return new Map(rows.map((row) => [nameOfRow(row), row]))
}

/**
 * The calls of a trace that other traces saw too, or that were answered before, by the call's span: what was decided
 * about them is taken from the table, what was seen of them from the trace itself. Tells where the two do not fit.
 */
export function groupsOf(
  { trace, usages, assembly }: AssembledTrace,
  stored: StoredSightings,
  report: Findings,
): ReadonlyMap<SpanId, CallGroup> {
  const { tenantId, traceId } = trace
  const gap = (id: string, found: string) =>
    report.gap('sightings', { kind: 'sighting', tenantId, id, found })
  const seen = sightingsOf(assembly, usages)
  const groups = new Map<SpanId, CallGroup>()
  for (const sighting of seen) {
    const row = stored.get(rowName(tenantId, nameOf(sighting)))
    if (row === undefined) {
      gap(nameOf(sighting), 'is missing: the trace saw this call')
      continue
    }
    if (!isDeepStrictEqual(sighting, row.sighting))
      gap(nameOf(sighting), 'is not what the journal tells of the call')
    const group = groupOf(sighting, row, stored)
    if (group.sightings.length > 1 || group.replay) groups.set(sighting.call.spanId, group)
  }
  const names = new Set(seen.map(nameOf))
  for (const row of stored.values()) {
    const isOwn = row.tenantId === tenantId && row.sighting.traceId === traceId
    if (isOwn && !names.has(nameOf(row.sighting)))
      gap(nameOf(row.sighting), 'is of a call the trace did not see')
  }
  report.count('sightings', seen.length)
  return groups
}

/** All that is known of a call this trace has; of one that another trace has, only which. */
function groupOf(own: Sighting, row: SightingRow, stored: StoredSightings): CallGroup {
  const { owner, replay } = row
  if (owner.traceId !== own.traceId || owner.spanId !== own.call.spanId) {
    const other: Sighting = { ...own, traceId: owner.traceId, call: { ...own.call, spanId: owner.spanId } }
    return { sightings: [own, other], owner: other, replay }
  }
  const others = [...stored.values()].filter(
    (each) =>
      each !== row &&
      each.tenantId === row.tenantId &&
      each.owner.traceId === owner.traceId &&
      each.owner.spanId === owner.spanId,
  )
  return {
    sightings: [own, ...others.map(({ sighting }) => sighting)].sort(bySightingStart),
    owner: own,
    replay,
  }
}

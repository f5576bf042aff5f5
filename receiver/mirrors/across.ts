import type { Assembly } from '../../core/assembly.ts'
import type { SpanId } from '../../core/ids.ts'
import type { Usage } from '../../core/usage.ts'
import { withMirrors } from './apply.ts'
import { type CallGroup, callGroups } from './groups.ts'
import { placeUnits, type Unit } from './places.ts'
import { placeOf, type Sighting, sightingsOf } from './sighting.ts'

/** A trace on its own. */
export interface TraceAlone {
  readonly assembly: Assembly
  readonly usages: readonly Usage[]
}

export interface MirrorRules {
  /** Whether calls that no id connects are compared by place, time and tokens. */
  readonly byPlace: boolean
}

/** What traces of one tenant amount to together, in their order. What the cut does over tables, in memory. */
export function acrossTraces(traces: readonly TraceAlone[], rules: MirrorRules): readonly Assembly[] {
  const sightings = traces.map(({ assembly, usages }) => sightingsOf(assembly, usages))
  const groups = callGroups(unitsOf(sightings.flat(), rules))
  const groupOf = new Map<Sighting, CallGroup>()
  for (const group of groups) for (const sighting of group.sightings) groupOf.set(sighting, group)
  return traces.map(({ assembly, usages }, i) => {
    const ofCall = sightings[i]!.map((sighting): [SpanId, CallGroup] => [
      sighting.call.spanId,
      groupOf.get(sighting)!,
    ])
    const traceId = usages[0]?.traceId ?? ''
    return withMirrors(assembly, traceId, new Map(ofCall))
  })
}

function unitsOf(sightings: readonly Sighting[], { byPlace }: MirrorRules): readonly Unit[] {
  if (!byPlace) return sightings.map((sighting) => [sighting])
  return [...Map.groupBy(sightings, placeOf)].flatMap(([place, found]) =>
    place === null ? found.map((sighting) => [sighting]) : placeUnits(found),
  )
}

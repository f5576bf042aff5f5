import type { UnixNano } from '../../core/time.ts'
import { isWithin, modelsAgree, type Seen } from '../assemble/identity.ts'
import { matchMost } from './matching.ts'
import { bySightingStart, type Sighting, tokensOf } from './sighting.ts'

/** How many calls before and after it a call is compared with. */
export const NEIGHBOURS_MAX = 64

/** Two observations of one call begin together; further apart they are not compared. */
export const APART_NANO_MAX: UnixNano = 60_000_000_000n

/** What a framework may take before and after the call it makes: so much, and one part in so many of the whole. */
const OVERHEAD_NANO: UnixNano = 100_000_000n
const OVERHEAD_SHARE = 20n

/** Sightings of one call. */
export type Unit = readonly Sighting[]

/**
 * Pairs sightings of one process that no id connects: of different scopes and traces, one within the other's time, of
 * one model, with equal tokens or one of them without usage and as long, and at least one with nothing above it, as
 * happens where an instrumentation does not pass its context on. A scope sees a call once, so of two calls alike, each
 * seen by two scopes, each is paired once. As many are paired as can be, so how many calls there are does not depend
 * on which of two equals is paired with which.
 * @param sightings of one place, in any order; each is in exactly one unit of the answer
 */
export function placeUnits(sightings: readonly Sighting[]): readonly Unit[] {
  const inOrder = [...sightings].sort(bySightingStart)
  const units: Sighting[][] = []
  const metered = inOrder.filter(({ call }) => call.metered)
  for (const alike of Map.groupBy(metered, tokensOf).values()) {
    const open: Sighting[][] = []
    for (const seen of byScopes(alike)) join(open, seen)
    units.push(...open)
  }
  units.sort((a, b) => bySightingStart(a[0]!, b[0]!))
  const silent = inOrder.filter(({ call }) => !call.metered)
  const alone: Sighting[][] = []
  for (const seen of byScopes(silent)) alone.push(...attach(units, seen).map((sighting) => [sighting]))
  return [...units, ...alone]
}

/** Adds each sighting to a unit that is the same call; what finds none begins a unit of its own. */
function join(units: Sighting[][], seen: readonly Sighting[]): void {
  for (const sighting of attach(units, seen)) units.push([sighting])
  units.sort((a, b) => bySightingStart(a[0]!, b[0]!))
}

/** The sightings that found no unit. Those given share their scopes, so no unit takes two. */
function attach(units: readonly Sighting[][], seen: readonly Sighting[]): readonly Sighting[] {
  const starts = units.map((unit) => unit[0]!.call.startNano)
  const wishes = seen.map((sighting) => {
    const at = firstFrom(starts, sighting.call.startNano)
    const from = Math.max(0, at - NEIGHBOURS_MAX)
    const near = units.slice(from, at + NEIGHBOURS_MAX).map((unit, i) => ({ unit, index: from + i }))
    return near
      .filter(({ unit }) => unit.every((other) => isSameByPlace(other, sighting)))
      .map(({ unit, index }) => ({ index, distance: distance(unit[0]!, sighting) }))
      .sort((a, b) => (a.distance < b.distance ? -1 : a.distance > b.distance ? 1 : a.index - b.index))
      .map(({ index }) => index)
  })
  const partners = matchMost(wishes)
  partners.forEach((partner, i) => {
    if (partner !== -1) units[partner]!.push(seen[i]!)
  })
  return seen.filter((_, i) => partners[i] === -1)
}

function isSameByPlace(a: Sighting, b: Sighting): boolean {
  if (a.traceId === b.traceId || (!a.root && !b.root)) return false
  if (a.scopes.some((scope) => b.scopes.includes(scope))) return false
  if (magnitude(a.call.startNano - b.call.startNano) > APART_NANO_MAX) return false
  if ((!a.call.metered || !b.call.metered) && !areClose(a, b)) return false
  const [idA, idB] = [a.call.responseId, b.call.responseId]
  if (idA !== null && idB !== null && idA !== idB) return false
  const [seenA, seenB] = [seenOf(a), seenOf(b)]
  return (isWithin(seenA, seenB) || isWithin(seenB, seenA)) && modelsAgree(namesOf(a), namesOf(b))
}

/** Without tokens to compare, an observation within another must fill it but for what the outer one adds of its own. */
function areClose(a: Sighting, b: Sighting): boolean {
  const durations = a.call.endNano - a.call.startNano + b.call.endNano - b.call.startNano
  return distance(a, b) <= OVERHEAD_NANO + durations / (2n * OVERHEAD_SHARE)
}

/** When and where a sighting was made. */
export function seenOf({ call, serviceName, serviceInstance }: Sighting): Seen {
  return { startNano: call.startNano, endNano: call.endNano, serviceName, serviceInstance }
}

function namesOf({ call }: Sighting) {
  return { responseModel: call.model, requestModel: call.requestModel }
}

/** Sightings by the scopes they share, in a fixed order of the scopes. */
function byScopes(sightings: readonly Sighting[]): readonly (readonly Sighting[])[] {
  const groups = Map.groupBy(sightings, ({ scopes }) => JSON.stringify(scopes))
  return [...groups.keys()].sort().map((scopes) => groups.get(scopes)!)
}

function distance(a: Sighting, b: Sighting): UnixNano {
  return magnitude(a.call.startNano - b.call.startNano) + magnitude(a.call.endNano - b.call.endNano)
}

function magnitude(nanos: UnixNano): UnixNano {
  return nanos < 0n ? -nanos : nanos
}

/** Index of the first of the sorted instants that is not before `instant`. */
function firstFrom(sorted: readonly UnixNano[], instant: UnixNano): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < instant) low = middle + 1
    else high = middle
  }
  return low
}

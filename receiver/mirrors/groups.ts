import { agree } from '../assemble/arithmetic.ts'
import { isOneProcess, isWithin, overlap } from '../assemble/identity.ts'
import { seenOf, type Unit } from './places.ts'
import { bySightingStart, nameOf, type Sighting } from './sighting.ts'

/** All that is known of one call, over all traces. */
export interface CallGroup {
  /** In the order of start and name. */
  readonly sightings: readonly Sighting[]
  /** The one whose trace has the call; the others point to it. */
  readonly owner: Sighting
  /** An answer given before, given again: its provider charges nothing. */
  readonly replay: boolean
}

/**
 * Joins units that share an id no two calls have, where nothing speaks against it: their tokens `agree` (or some have
 * none), their times overlap, and they are of different traces. An id with other tokens is another call, unless two
 * instrumentations of one process told it of one time. The same id with equal tokens at another time is the same answer
 * again, out of a cache or told anew: a call that costs nothing.
 * @param units all those that share ids, directly or through others, and any number beside; in any order
 */
export function callGroups(units: readonly Unit[]): readonly CallGroup[] {
  const open: OpenGroup[] = []
  const byKey = new Map<string, OpenGroup[]>()
  const inOrder = units.map((unit) => [...unit].sort(bySightingStart))
  for (const unit of inOrder.sort((a, b) => bySightingStart(a[0]!, b[0]!))) {
    const keys = unit.flatMap((sighting) => sighting.keys)
    const related = [...new Set(keys.flatMap((key) => byKey.get(key) ?? []))]
    const group = related.find((other) => isSameCall(other.sightings, unit))
    if (group !== undefined) {
      group.sightings.push(...unit)
    } else {
      open.push({ sightings: [...unit], replay: related.some((other) => isReplay(unit, other.sightings)) })
    }
    const into = group ?? open.at(-1)!
    for (const key of keys) {
      const known = byKey.get(key)
      if (known === undefined) byKey.set(key, [into])
      else if (!known.includes(into)) known.push(into)
    }
  }
  return open.map(({ sightings, replay }) => {
    sightings.sort(bySightingStart)
    return { sightings, owner: sightings.reduce(ofBetterStanding), replay }
  })
}

interface OpenGroup {
  readonly sightings: Sighting[]
  readonly replay: boolean
}

function isSameCall(group: Unit, unit: Unit): boolean {
  return group.every((a) =>
    unit.every((b) => a.traceId !== b.traceId && (isPollOf(a, b) || isMirrorOf(a, b))),
  )
}

/** A poll comes when it comes, and may have found less than there was in the end. */
function isPollOf(a: Sighting, b: Sighting): boolean {
  return (a.polled || b.polled) && a.call.kind === b.call.kind
}

function isMirrorOf(a: Sighting, b: Sighting): boolean {
  return (isAlike(a, b) && overlap(seenOf(a), seenOf(b))) || isSeenInside(a, b)
}

/** Of one answer, seen at one time in one process by two instrumentations, one has counted wrongly: there was one call. */
function isSeenInside(a: Sighting, b: Sighting): boolean {
  const [seenA, seenB] = [seenOf(a), seenOf(b)]
  return (
    a.call.kind === b.call.kind &&
    isOneProcess(seenA, seenB) &&
    !a.scopes.some((scope) => b.scopes.includes(scope)) &&
    (isWithin(seenA, seenB) || isWithin(seenB, seenA))
  )
}

/** Nobody is asked twice for what was answered before; what runs at the same time is no repetition. */
function isReplay(unit: Unit, earlier: Unit): boolean {
  return unit.every((b) =>
    earlier.every(
      (a) =>
        a.call.metered &&
        b.call.metered &&
        isAlike(a, b) &&
        a.call.endNano <= b.call.startNano &&
        isFar(a, b),
    ),
  )
}

function isFar(a: Sighting, b: Sighting): boolean {
  return isOneEmitter(a, b) || !overlap(seenOf(a), seenOf(b))
}

/** One emitter's clock needs no slack. */
function isOneEmitter(a: Sighting, b: Sighting): boolean {
  return (
    a.serviceName === b.serviceName &&
    a.serviceInstance === b.serviceInstance &&
    a.scopes.some((scope) => b.scopes.includes(scope))
  )
}

function isAlike(a: Sighting, b: Sighting): boolean {
  if (a.call.kind !== b.call.kind || (a.tool !== null && areTwoTools(a, b))) return false
  return !a.call.metered || !b.call.metered || agree(a.call.buckets, b.call.buckets)
}

/** One id may be of a tool and of another that it was handed to. */
function areTwoTools({ call: { model: a } }: Sighting, { call: { model: b } }: Sighting): boolean {
  return a !== null && b !== null && a !== b
}

/** Who made the call before who asked for its result; then the trace that knows more of whose it was; then the outermost. */
function ofBetterStanding(a: Sighting, b: Sighting): Sighting {
  if (a.polled !== b.polled) return a.polled ? b : a
  if (a.standing !== b.standing) return a.standing > b.standing ? a : b
  const [longA, longB] = [durationOf(a), durationOf(b)]
  if (longA !== longB) return longA > longB ? a : b
  return nameOf(a) < nameOf(b) ? a : b
}

function durationOf({ call }: Sighting): bigint {
  return call.endNano - call.startNano
}

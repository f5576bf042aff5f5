import type { UnixNano } from '../../core/time.ts'
import { alikeGroups } from '../assemble/alike.ts'
import { agree, isEqual } from '../assemble/arithmetic.ts'
import {
  apart,
  isSeenTogether,
  isSeenTogetherOrLate,
  magnitude,
  modelsAgree,
  SAME_CLOCK_SLACK_NANO,
  type Seen,
} from '../assemble/identity.ts'
import { type Likeness, type Pairing, partnersOf } from '../assemble/pairing.ts'
import { bySightingStart, type Sighting } from './sighting.ts'

/** Two observations of one call begin together; further apart they are not compared. */
export const APART_NANO_MAX: UnixNano = 60_000_000_000n

/**
 * What a framework may take before and after the call it makes: so much, and one part in so many of the whole. Measured
 * around LangChain on a busy machine: up to 110 ms of a call of 300.
 */
const OVERHEAD_NANO: UnixNano = 250_000_000n
const OVERHEAD_SHARE = 10n

/** Sightings of one call. */
export type Unit = readonly Sighting[]

/**
 * Pairs sightings of one process that no id connects: of different scopes and traces, seen together, of one model, with
 * tokens that `agree` or without and as long, and with nothing but their own instrumentation above one of them, as
 * happens where an instrumentation does not pass its context on. A scope sees a call once, so of two calls alike, each
 * seen by two scopes, each is paired once. As many are paired as can be, so how many calls there are does not depend on
 * which of two equals is paired with which.
 * @param sightings of one place, in any order; each is in exactly one unit of the answer
 */
export function placeUnits(sightings: readonly Sighting[]): readonly Unit[] {
  const inOrder = [...sightings].sort(bySightingStart)
  const units: Sighting[][] = []
  const metered = inOrder.filter(({ call }) => call.metered)
  const alone = new Set(metered)
  const { members, ends } = alikeGroups(metered.map(({ call }) => call.buckets))
  for (const [group, end] of ends.entries()) {
    const open: Sighting[][] = []
    const sightings = Array.from(members.subarray(ends[group - 1] ?? 0, end), (at) => metered[at]!)
    for (const seen of byScopes(sightings)) join(open, seen)
    units.push(...open)
    for (const sighting of sightings) alone.delete(sighting)
  }
  for (const sighting of alone) units.push([sighting])
  units.sort((a, b) => bySightingStart(a[0]!, b[0]!))
  const silent = inOrder.filter(({ call }) => !call.metered)
  const silentUnits: Sighting[][] = []
  for (const seen of byScopes(silent)) join(silentUnits, attach(units, seen))
  return [...units, ...silentUnits]
}

/** Adds each sighting to a unit that is the same call; what finds none begins a unit of its own. */
function join(units: Sighting[][], seen: readonly Sighting[]): void {
  for (const sighting of attach(units, seen)) units.push([sighting])
  units.sort((a, b) => bySightingStart(a[0]!, b[0]!))
}

/** The sightings that found no unit. Those given share their scopes, so no unit takes two. */
function attach(units: readonly Sighting[][], seen: readonly Sighting[]): readonly Sighting[] {
  const partners = partnersOf(units, seen, BY_PLACE)
  partners.forEach((partner, i) => {
    if (partner !== -1) units[partner]!.push(seen[i]!)
  })
  return seen.filter((_, i) => partners[i] === -1)
}

const BY_PLACE: Pairing<Unit, Sighting> = {
  knownAt: (unit) => unit[0]!.call,
  seenAt: ({ call }) => call,
  likeness: (unit, sighting) => Math.min(...unit.map((other) => likenessOf(other, sighting))) as Likeness,
}

/** 3  they tell one id    2  they tell the same    1  one tells what the other may not see */
function likenessOf(a: Sighting, b: Sighting): Likeness {
  if (!isSameByPlace(a, b)) return 0
  if (a.call.metered && b.call.metered && !agree(a.call.buckets, b.call.buckets)) return 0
  if (a.call.responseId !== null && a.call.responseId === b.call.responseId) return 3
  return !a.call.metered || !b.call.metered || isEqual(a.call.buckets, b.call.buckets) ? 2 : 1
}

function isSameByPlace(a: Sighting, b: Sighting): boolean {
  if (a.traceId === b.traceId || (!a.root && !b.root)) return false
  if (a.scopes.some((scope) => b.scopes.includes(scope))) return false
  if (magnitude(a.call.startNano - b.call.startNano) > APART_NANO_MAX) return false
  if ((!a.call.metered || !b.call.metered) && !areClose(a, b) && !isCountedLate(a, b) && !isCountedLate(b, a))
    return false
  const [idA, idB] = [a.call.responseId, b.call.responseId]
  if (idA !== null && idB !== null && idA !== idB) return false
  const isSeen = a.tool !== null || tellTheSame(a, b) ? isSeenTogetherOrLate : isSeenTogether
  return isSeen(seenOf(a), seenOf(b)) && namesAgree(a, b)
}

/** Models by any of their names; tools by the very name, which an instrumentation may not know. */
function namesAgree(a: Sighting, b: Sighting): boolean {
  if (a.tool === null) return modelsAgree(namesOf(a), namesOf(b))
  const [nameA, nameB] = [a.call.model, b.call.model]
  return nameA === nameB ? nameA !== null : nameA === null || nameB === null
}

function tellTheSame({ call: a }: Sighting, { call: b }: Sighting): boolean {
  return a.metered && b.metered && isEqual(a.buckets, b.buckets)
}

/**
 * Who counts the tokens of a stream in a queue tells its end late: behind the end of one that began with it and tells
 * none.
 */
function isCountedLate({ call: counted }: Sighting, { call: silent }: Sighting): boolean {
  if (!counted.metered || silent.metered || silent.endNano > counted.endNano) return false
  return magnitude(silent.startNano - counted.startNano) <= SAME_CLOCK_SLACK_NANO
}

/** Without tokens to compare, two observations must be about as long, but for what the outer one adds of its own. */
function areClose(a: Sighting, b: Sighting): boolean {
  const durations = a.call.endNano - a.call.startNano + b.call.endNano - b.call.startNano
  return apart(a.call, b.call) <= OVERHEAD_NANO + durations / (2n * OVERHEAD_SHARE)
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

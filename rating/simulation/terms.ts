import { type Period, periodOf } from '../period.ts'
import { type PlanVersionStart, versionAt } from '../plans/plan-shelf.ts'
import { type Segment, splitPeriod } from '../plans/proration.ts'

/** A subscription with the time it is in force. Milliseconds since 1970. */
export interface Term {
  readonly subscriptionId: string
  readonly customer: string
  readonly planId: string
  readonly timezone: string
  readonly anchorDay: number
  readonly from: number
  /** When another one takes over; null: none does. */
  readonly until: number | null
}

/** A part of a period that owes fees and bounds: that of a version of the plan. */
export interface DuePart {
  readonly periodStart: number
  /** Null where one plan counts for all of it. */
  readonly version: number | null
  readonly segment: Segment
}

const MICROS_PER_MILLI = 1000

/** The period of a term that an instant falls in. */
export function periodAt({ timezone, anchorDay }: Term, instant: number): Period {
  return periodOf(instant, timezone, anchorDay)
}

/**
 * What of a term becomes due with the periods that end in (from, to], split where a version of its plan begins.
 * @param versions of the term's plan; null: one plan counts for all of the time
 */
export function duePartsOf(
  term: Term,
  versions: readonly PlanVersionStart[] | null,
  from: number,
  to: number,
): readonly DuePart[] {
  const due: DuePart[] = []
  let period = periodAt(term, from)
  // A period that ends at `from` was due before.
  for (; period.end <= to; period = periodAt(term, period.end)) {
    for (const part of partsWithin(term, versions, period)) due.push(part)
  }
  return due
}

function partsWithin(
  term: Term,
  versions: readonly PlanVersionStart[] | null,
  period: Period,
): readonly DuePart[] {
  const { until } = term
  if (term.from >= period.end || (until !== null && (until <= period.start || until <= term.from))) return []
  const begin = (versions ?? []).map(({ effectiveFrom }) => effectiveFrom / MICROS_PER_MILLI)
  const starts = [term.from, ...(until === null ? [] : [until]), ...begin]
    .map(Math.floor)
    .filter((start) => start > period.start && start < period.end)
    .sort((a, b) => a - b)
  const segments = splitPeriod(period, starts, term.timezone)
  const parts = new Map<number | null, DuePart>()
  for (const [no, start] of [period.start, ...starts].entries()) {
    if (start < term.from || (until !== null && start >= until)) continue
    const version = versions && versionAt(versions, start * MICROS_PER_MILLI)
    if (versions !== null && version === null) continue
    const before = parts.get(version)
    const segment = segments[no]!
    const joined = before ? { ...segment, fromDay: before.segment.fromDay } : segment
    parts.set(version, { periodStart: period.start, version, segment: joined })
  }
  return [...parts.values()]
}

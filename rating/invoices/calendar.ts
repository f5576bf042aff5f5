import { type Period, periodOf } from '../period.ts'
import { type PlanVersionStart, versionAt } from '../plans/plan-shelf.ts'
import { type Segment, splitPeriod } from '../plans/proration.ts'

/** Which plan a customer is on from an instant on. Instants are milliseconds since 1970. */
export interface Subscription {
  readonly subscriptionId: string
  readonly planId: string
  readonly from: number
  readonly timezone: string
  readonly anchorDay: number
}

/** A subscription as long as it is in force: until the next begins. One that another begins with is not. */
export interface Term extends Subscription {
  readonly until: number
}

/** What a subscription counts together: its own period, whether or not it is in force for the whole of it. */
export interface Unit {
  readonly term: Term
  readonly period: Period
}

/** Part of a unit that one version of the plan is charged for; it may be empty. */
export interface Part {
  readonly version: number
  readonly from: number
  readonly to: number
  /** Its days, of the days of the period. */
  readonly segment: Segment
}

/**
 * @param subscriptions of one customer, those that begin earlier first; of two that begin together the later counts
 */
export function termsOf(subscriptions: readonly Subscription[]): readonly Term[] {
  return subscriptions.map((subscription, no) => ({
    ...subscription,
    until: subscriptions[no + 1]?.from ?? Number.POSITIVE_INFINITY,
  }))
}

/**
 * The period that a customer is invoiced for at an instant. It is the subscription's; where another subscription with
 * other days takes over within it, it goes on to the end of that one's, so that the periods of a customer follow one
 * another without gap or overlap. Null before the first subscription's first period.
 */
export function customerPeriod(terms: readonly Term[], instant: number): Period | null {
  const inForce = terms.filter(({ from, until }) => from < until)
  const first = inForce[0]
  if (!first) return null
  // The first period is a whole one, whenever in it the subscription began.
  let { start, end } = periodOf(first.from, first.timezone, first.anchorDay)
  if (instant < start) return null
  for (let no = 0; ; ) {
    const term = inForce[no]!
    if (term.until < end) {
      no++
      const next = inForce[no]!
      end = periodOf(next.from, next.timezone, next.anchorDay).end
      continue
    }
    if (instant < end) return { start, end }
    start = end
    if (term.until === end) no++
    const current = inForce[no]!
    // Long terms are not walked month by month.
    const within = periodOf(
      Math.max(start, Math.min(instant, current.until - 1)),
      current.timezone,
      current.anchorDay,
    )
    start = Math.max(start, within.start)
    end = within.end
  }
}

/** The instant that decides which invoice a unit belongs to: its first one in force. It never changes. */
export function placeOf({ term, period }: Unit): number {
  return Math.max(period.start, term.from)
}

/** Units whose usage falls into a period of the customer, whether or not anything was used. */
export function unitsWithin(terms: readonly Term[], { start, end }: Period): readonly Unit[] {
  const units: Unit[] = []
  for (const term of terms) {
    let at = Math.max(term.from, start)
    while (at < Math.min(term.until, end)) {
      const period = periodOf(at, term.timezone, term.anchorDay)
      const unit = { term, period }
      if (placeOf(unit) >= start) units.push(unit)
      at = period.end
    }
  }
  return units
}

/**
 * The versions that a unit is charged by, each with its part of the period. What precedes the subscription or follows
 * it is nobody's. A version that holds in two parts is given the days of both.
 *
 * @param versions of the plan; instants are microseconds since 1970
 */
export function partsOf({ term, period }: Unit, versions: readonly PlanVersionStart[]): readonly Part[] {
  const begins = versions.map(({ effectiveFrom }) => Math.floor(effectiveFrom / 1000))
  const starts = [term.from, term.until, ...begins]
    .filter((instant) => instant > period.start && instant < period.end)
    .sort((a, b) => a - b)
  const segments = splitPeriod(period, starts, term.timezone)
  const cuts = [period.start, ...starts, period.end]
  const parts = new Map<number, Part>()
  segments.forEach((segment, no) => {
    const from = cuts[no]!
    const to = cuts[no + 1]!
    if (from >= to || from < term.from || from >= term.until) return
    const version = versionAt(versions, from * 1000)
    if (version === null) return
    const known = parts.get(version)
    const toDay = (known?.segment ?? segment).toDay + (known ? segment.toDay - segment.fromDay : 0)
    parts.set(version, {
      version,
      from: known?.from ?? from,
      to,
      segment: { ...(known?.segment ?? segment), toDay },
    })
  })
  return [...parts.values()]
}

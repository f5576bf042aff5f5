import { type Decimal, toMoneyScale } from '../../core/money.ts'
import { dayOf, type Period } from '../period.ts'

/** Part of a period, in days of the customer's calendar counted from the period's start: `from` included, `to` not. */
export interface Segment {
  readonly fromDay: number
  readonly toDay: number
  /** Days of the whole period: its real length. */
  readonly days: number
}

/**
 * A period, split where something began within it (a plan version, another plan). A day belongs to what begins on
 * it, so what ends within the first day of another has none.
 *
 * @param starts milliseconds since 1970; those outside the period split nothing
 * @returns one more segment than there are starts within the period, in order
 */
export function splitPeriod(period: Period, starts: readonly number[], timezone: string): readonly Segment[] {
  const first = dayOf(period.start, timezone)
  const days = dayOf(period.end, timezone) - first
  const within = starts.filter((start) => start > period.start && start < period.end)
  const cuts = [0, ...within.sort((a, b) => a - b).map((start) => dayOf(start, timezone) - first), days]
  return cuts.slice(1).map((toDay, no) => ({ fromDay: cuts[no]!, toDay, days }))
}

/** The part of an amount that a segment owes. The parts of all segments of a period are the amount, to the last digit. */
export function prorate(amount: Decimal, { fromDay, toDay, days }: Segment): Decimal {
  const until = (day: number) => toMoneyScale(amount.mul(day).div(days))
  return until(toDay).minus(until(fromDay))
}

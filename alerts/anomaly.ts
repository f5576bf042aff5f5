import { Decimal, ZERO } from '../core/money.ts'

/** Fewer earlier days than that say nothing about a day. */
export const DAYS_MIN = 4
/** Days that are looked back upon. */
export const DAYS_MAX = 14

/** What the median absolute deviation is multiplied by to be a standard deviation, where spend is normally spread. */
const TO_DEVIATIONS = new Decimal('1.4826')
/** Spend that is the same every day has no spread: a tenth of the median is one at least. */
const SPREAD_SHARE_MIN = new Decimal('0.1')
/** A score is told with that many digits after the point. */
const SCORE_DIGITS = 4

export interface Anomaly {
  /** By how many spreads the spend is above the median. */
  readonly score: Decimal
  readonly median: Decimal
  readonly spread: Decimal
  readonly days: number
}

/**
 * How far a spend is from that of the same time of earlier days: (spend − median) / spread, where the spread is
 * 1.4826 × the median absolute deviation, and at least a tenth of the median and a tenth of `judgeFrom`. Days before the
 * first one with any spend do not count: the customer was not there yet.
 * @param earlier spend of the same window one day earlier, two days earlier, and so on
 * @returns null where there are fewer than `DAYS_MIN` days to go by, or less spend than `judgeFrom`
 */
export function anomalyOf(spend: Decimal, earlier: readonly Decimal[], judgeFrom: Decimal): Anomaly | null {
  const first = earlier.findLastIndex((amount) => !amount.isZero())
  const days = earlier.slice(0, first + 1)
  if (days.length < DAYS_MIN || spend.lessThan(judgeFrom)) return null
  const median = medianOf(days)
  const deviation = medianOf(days.map((amount) => amount.minus(median).abs()))
  const spread = Decimal.max(
    deviation.times(TO_DEVIATIONS),
    median.abs().times(SPREAD_SHARE_MIN),
    judgeFrom.times(SPREAD_SHARE_MIN),
  )
  const score = spend.minus(median).div(spread).toDecimalPlaces(SCORE_DIGITS, Decimal.ROUND_HALF_EVEN)
  return { score, median, spread, days: days.length }
}

function medianOf(amounts: readonly Decimal[]): Decimal {
  const sorted = [...amounts].sort((a, b) => a.comparedTo(b))
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? ZERO
  return sorted.length % 2 === 1 ? upper : sorted[middle - 1]!.plus(upper).div(2)
}

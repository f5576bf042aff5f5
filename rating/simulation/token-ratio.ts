import { Decimal } from '../../core/money.ts'

/** Multiplies a count of tokens by a ratio, to the nearest whole one. */
export type ScaleCount = (count: number) => number

/**
 * Counts are whole numbers, no money; they stay below 2^53. A ratio of few digits is multiplied as the whole number of
 * its last digits that it is: exact, and many times faster than decimals, which do what is too large for that.
 */
export function scaleBy(ratio: Decimal): ScaleCount {
  if (ratio.equals(1)) return (count) => count
  const unit = 10 ** ratio.decimalPlaces()
  const units = ratio.mul(unit).toNumber()
  return (count) => {
    const twice = count * units * 2 + unit
    if (twice > Number.MAX_SAFE_INTEGER) return scaleLarge(count, ratio)
    return (twice - (twice % (2 * unit))) / (2 * unit)
  }
}

function scaleLarge(count: number, ratio: Decimal): number {
  const scaled = ratio.mul(count).toDecimalPlaces(0, Decimal.ROUND_HALF_UP).toNumber()
  return Math.min(scaled, Number.MAX_SAFE_INTEGER)
}

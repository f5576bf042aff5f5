import { Decimal as DecimalConstructor } from 'decimal.js'

/**
 * Exact decimals. A clone, so that no library's global `Decimal.set` reaches us; 60 significant digits, so that
 * a price of 12 decimals times a tier, a discount and a mark-up is never cut; never exponent notation.
 */
export const Decimal = DecimalConstructor.clone({
  precision: 60,
  rounding: DecimalConstructor.ROUND_HALF_EVEN,
  toExpNeg: -60,
  toExpPos: 60,
  defaults: true,
})
export type Decimal = InstanceType<typeof Decimal>

/** Digits after the point of every stored amount: `numeric(38,18)`. */
export const MONEY_SCALE = 18

/** Digits behind the point of a quantity that a provider bills. */
export const QUANTITY_SCALE = 9

export const ZERO: Decimal = new Decimal(0)

const DECIMAL_TEXT = /^-?\d{1,30}(\.\d{1,30})?$/

/**
 * Reads a decimal string as the API and the tables write it: digits, one point, no exponent.
 * Returns null for anything else, so that the caller names the field in its error.
 */
export function parseDecimal(text: string): Decimal | null {
  return DECIMAL_TEXT.test(text) ? new Decimal(text) : null
}

/** Rounds to the scale of the tables, half to even. Everything stored passes here exactly once. */
export function toMoneyScale(amount: Decimal): Decimal {
  if (amount.d !== null && wordsBehindPoint(amount.d.length, amount.e) <= WORDS_WITHIN_SCALE) return amount
  return amount.toDecimalPlaces(MONEY_SCALE, Decimal.ROUND_HALF_EVEN)
}

/** A decimal is held in words of seven digits: where at most so many stand behind the point, it is at the scale already. */
const WORDS_WITHIN_SCALE = 2
const WORD_DIGITS = 7

function wordsBehindPoint(words: number, exponent: number): number {
  return words - 1 - Math.floor(exponent / WORD_DIGITS)
}

/**
 * The quotient, as `div` gives it. Prices are for one, a thousand, a million of something: by a power of ten the digits
 * stay as they are, and a long division of sixty digits, the dearest step of a price, is not needed.
 */
export function dividedBy(amount: Decimal, size: Decimal): Decimal {
  return isPowerOfTen(size) ? amount.mul(RECIPROCALS[size.e]!) : amount.div(size)
}

const RECIPROCALS: readonly Decimal[] = Array.from({ length: 13 }, (_, power) => new Decimal(`1e-${power}`))

/** One, ten, and so on to a million millions. */
export function isPowerOfTen(size: Decimal): boolean {
  if (size.s < 0 || size.d?.length !== 1 || size.e < 0 || size.e >= RECIPROCALS.length) return false
  let word = size.d[0]!
  while (word >= 10 && word % 10 === 0) word /= 10
  return word === 1
}

/** Decimal text without exponent and without trailing zeros: `0.062871`. */
export function decimalText(amount: Decimal): string {
  return amount.toFixed()
}

/** Decimal text from a `numeric` column: same value, trailing zeros dropped. */
export function trimNumeric(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

/** Share of `part` in `whole` in percent with two decimals, or null where there is no whole to share. */
export function percentOf(part: Decimal, whole: Decimal): string | null {
  return whole.isZero() ? null : part.div(whole).mul(100).toFixed(2, Decimal.ROUND_HALF_UP)
}

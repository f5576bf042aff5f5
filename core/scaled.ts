/**
 * Amounts as whole numbers of 10^-18, the scale of the tables: exact, and a compare or a sum is one step of the
 * machine. For decisions, where nothing is multiplied but by counts.
 */
export type Scaled = bigint

const DIGITS = 18
export const SCALED_ONE: Scaled = 10n ** 18n

const TEXT = /^-?\d{1,30}(\.\d{1,30})?$/
/** By digits that are missing behind the point. */
const TENS: readonly bigint[] = Array.from({ length: DIGITS + 1 }, (_, zeros) => 10n ** BigInt(zeros))

/** Reads decimal text; digits beyond the scale round up, away from nothing, so that what is held is never too little. */
export function scaled(text: string): Scaled {
  if (!TEXT.test(text)) throw new RangeError(`"${text}" is no decimal`)
  const point = text.indexOf('.')
  if (point < 0) return BigInt(text) * SCALED_ONE
  const end = point + 1 + DIGITS
  if (text.length <= end) {
    return BigInt(text.slice(0, point) + text.slice(point + 1)) * TENS[end - text.length]!
  }
  const digits = BigInt(text.slice(0, point) + text.slice(point + 1, end))
  return text.startsWith('-') || !/[1-9]/.test(text.slice(end)) ? digits : digits + 1n
}

/** Decimal text without exponent and without trailing zeros. */
export function scaledText(amount: Scaled): string {
  if (amount < 0n) return `-${scaledText(-amount)}`
  const digits = amount.toString().padStart(DIGITS + 1, '0')
  const point = digits.length - DIGITS
  let end = digits.length
  while (end > point && digits.charCodeAt(end - 1) === ZERO) end -= 1
  const whole = digits.slice(0, point)
  return end === point ? whole : `${whole}.${digits.slice(point, end)}`
}

/** The digit 0, as a character. */
const ZERO = 48

/** Part of an amount, rounded up: `share` is scaled too. */
export function shareOf(amount: Scaled, share: Scaled): Scaled {
  return (amount * share + SCALED_ONE - 1n) / SCALED_ONE
}

/** The amount without what is less than one whole of it. */
export function wholeOf(amount: Scaled): Scaled {
  return amount - (amount % SCALED_ONE)
}

export function leastOf(a: Scaled, b: Scaled): Scaled {
  return a < b ? a : b
}

export function mostOf(a: Scaled, b: Scaled): Scaled {
  return a > b ? a : b
}

/**
 * Amounts as whole numbers of 10^-18, the scale of the tables: exact, and a compare or a sum is one step of the
 * machine. For decisions, where nothing is multiplied but by counts.
 */
export type Scaled = bigint

const DIGITS = 18
export const SCALED_ONE: Scaled = 10n ** 18n

const TEXT = /^(-?)(\d{1,30})(?:\.(\d{1,30}))?$/

/** Reads decimal text; digits beyond the scale round up, away from nothing, so that what is held is never too little. */
export function scaled(text: string): Scaled {
  const match = TEXT.exec(text)
  if (!match) throw new RangeError(`"${text}" is no decimal`)
  const [, sign, whole, part = ''] = match
  const digits = BigInt(whole! + part.slice(0, DIGITS).padEnd(DIGITS, '0'))
  const rest = part.length > DIGITS && /[1-9]/.test(part.slice(DIGITS)) ? 1n : 0n
  return sign ? -digits : digits + rest
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

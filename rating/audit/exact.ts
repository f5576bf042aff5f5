/** A fraction of whole numbers, as exact as numbers get. `d` is greater than zero. */
export interface Fraction {
  readonly n: bigint
  readonly d: bigint
}

export const NONE: Fraction = { n: 0n, d: 1n }

/** Of decimal text without exponent: `-0.003`. */
export function fraction(text: string): Fraction {
  const [whole = '', part = ''] = text.split('.')
  return { n: BigInt(whole + part), d: 10n ** BigInt(part.length) }
}

export function plus(a: Fraction, b: Fraction): Fraction {
  return { n: a.n * b.d + b.n * a.d, d: a.d * b.d }
}

export function negated({ n, d }: Fraction): Fraction {
  return { n: -n, d }
}

export function times(a: Fraction, b: Fraction): Fraction {
  return { n: a.n * b.n, d: a.d * b.d }
}

/** @param b greater than zero */
export function over(a: Fraction, b: Fraction): Fraction {
  return { n: a.n * b.d, d: a.d * b.n }
}

/** Less than zero, zero or more, as a is less than b, equal, or more. */
export function compared(a: Fraction, b: Fraction): number {
  const difference = a.n * b.d - b.n * a.d
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

/** The nearest whole multiple of 10^-places, half to even, as such a multiple. */
export function rounded(a: Fraction, places: number): bigint {
  return toWhole({ n: a.n * 10n ** BigInt(places), d: a.d }, 'even')
}

/** To a whole number: up, down, or the nearest, where half goes up or to the even one. */
export function toWhole({ n, d }: Fraction, how: 'up' | 'down' | 'nearest' | 'even'): bigint {
  const floor = n >= 0n ? n / d : -((-n + d - 1n) / d)
  const rest = n - floor * d
  if (rest === 0n || how === 'down') return floor
  if (how === 'up') return floor + 1n
  const twice = 2n * rest
  const isUp = twice > d || (twice === d && (how === 'nearest' || floor % 2n !== 0n))
  return isUp ? floor + 1n : floor
}

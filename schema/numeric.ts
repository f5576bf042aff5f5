/** A decimal as PostgreSQL's binary `numeric` wants it: groups of four digits and where the point stands. */
export interface NumericDigits {
  readonly negative: boolean
  /** Power of 10,000 of the first group. */
  readonly weight: number
  /** Decimal places. */
  readonly scale: number
  readonly groups: readonly number[]
}

/** More characters than this are no price. */
const CHARACTERS_MAX = 128

const PLAIN = /^([+-]?)(\d+)(?:\.(\d+))?$/

/** Takes decimal text without exponent apart; null for any other text. */
export function numericDigits(text: string): NumericDigits | null {
  const match = text.length <= CHARACTERS_MAX ? PLAIN.exec(text) : null
  if (!match) return null
  const whole = match[2]!.replace(/^0+/, '')
  const places = match[3] ?? ''
  const left = whole.padStart(Math.ceil(whole.length / 4) * 4, '0')
  const right = places.padEnd(Math.ceil(places.length / 4) * 4, '0')
  const groups: number[] = []
  for (let at = 0; at < left.length; at += 4) groups.push(Number(left.slice(at, at + 4)))
  for (let at = 0; at < right.length; at += 4) groups.push(Number(right.slice(at, at + 4)))
  let weight = left.length / 4 - 1
  while (groups[0] === 0) {
    groups.shift()
    weight--
  }
  while (groups.at(-1) === 0) groups.pop()
  const isZero = groups.length === 0
  return { negative: match[1] === '-' && !isZero, weight: isZero ? 0 : weight, scale: places.length, groups }
}

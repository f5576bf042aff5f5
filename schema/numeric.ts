import type { Decimal } from '../core/money.ts'

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

const ZERO = 48
const NINE = 57
const POINT = 46
const MINUS = 45
const PLUS = 43
const DIGITS_PER_GROUP = 4

/** Takes decimal text without exponent apart; null for any other text. Character by character: it is the hot path. */
export function numericDigits(text: string): NumericDigits | null {
  const end = text.length
  if (end > CHARACTERS_MAX) return null
  const sign = text.charCodeAt(0)
  const start = sign === MINUS || sign === PLUS ? 1 : 0
  const point = pointOf(text, start)
  if (point === start || point === end - 1 || end === start) return null
  const groups: number[] = []
  // The first group is as short as the digits before the point leave it, the last one is filled up with zeros.
  let left = ((point - start - 1) % DIGITS_PER_GROUP) + 1
  let group = 0
  for (let at = start; at < end; at++) {
    if (at === point) continue
    const digit = text.charCodeAt(at)
    if (digit < ZERO || digit > NINE) return null
    group = group * 10 + (digit - ZERO)
    if (--left > 0) continue
    groups.push(group)
    group = 0
    left = DIGITS_PER_GROUP
  }
  if (left < DIGITS_PER_GROUP) groups.push(group * 10 ** left)
  const weight = Math.ceil((point - start) / DIGITS_PER_GROUP) - 1
  return trimmed(groups, weight, Math.max(0, end - point - 1), sign === MINUS)
}

const WORD_DIGITS = 7
const GROUP = 10_000
const POWERS = [1, 10, 100, 1000] as const
const GROUPS_EXPECTED = 64

/** The digits of one amount after the other, in memory that is used again. */
export class AmountDigits {
  negative = false
  weight = 0
  scale = 0
  /** The groups are those of `groups` from here to before `end`. */
  start = 0
  end = 0
  groups = new Int16Array(GROUPS_EXPECTED)

  /**
   * Takes a decimal apart without writing it out: its words of seven digits become groups of four.
   * @throws RangeError for what is no number
   */
  take(amount: Decimal): void {
    const words = amount.d
    if (words === null) throw new RangeError('only a number can be written as numeric')
    const exponent = Math.floor(amount.e / WORD_DIGITS) | 0
    // Groups of the first digit and the last one, of those that the words can hold. Shifted by two is divided by four.
    const first = (exponent * WORD_DIGITS + WORD_DIGITS - 1) >> 2
    const last = ((exponent - words.length + 1) * WORD_DIGITS) >> 2
    const count = first - last + 1
    if (count > this.groups.length) this.groups = new Int16Array(count)
    const { groups } = this
    for (let no = 0; no < count; no++) groups[no] = 0
    for (let no = 0; no < words.length; no++) {
      const power = (exponent - no) * WORD_DIGITS
      const unit = power >> 2
      // No two words share a digit, so nothing is carried; one word lies in up to three groups.
      const digits = words[no]! * POWERS[power - unit * DIGITS_PER_GROUP]!
      const higher = Math.floor(digits / GROUP) | 0
      const highest = (higher / GROUP) | 0
      const at = first - unit
      groups[at]! += (digits - higher * GROUP) | 0
      if (higher > 0) groups[at - 1]! += higher - highest * GROUP
      if (highest > 0) groups[at - 2]! += highest
    }
    this.scale = last < 0 ? -last * DIGITS_PER_GROUP : 0
    this.#trim(count, first, amount.s < 0)
  }

  /** Without the zeros at both ends, as PostgreSQL keeps numbers. */
  #trim(count: number, first: number, negative: boolean): void {
    let start = 0
    let end = count
    while (start < end && this.groups[start] === 0) start++
    while (end > start && this.groups[end - 1] === 0) end--
    const isZero = start === end
    this.start = start
    this.end = end
    this.weight = isZero ? 0 : first - start
    this.negative = negative && !isZero
  }
}

/** Where the point stands, or would. */
function pointOf(text: string, start: number): number {
  for (let at = start; at < text.length; at++) if (text.charCodeAt(at) === POINT) return at
  return text.length
}

/** Without the zeros at both ends, as PostgreSQL keeps numbers. */
function trimmed(groups: number[], weight: number, scale: number, negative: boolean): NumericDigits {
  let zeros = 0
  while (zeros < groups.length && groups[zeros] === 0) zeros++
  if (zeros === groups.length) return { negative: false, weight: 0, scale, groups: [] }
  while (groups[groups.length - 1] === 0) groups.pop()
  return { negative, weight: weight - zeros, scale, groups: zeros === 0 ? groups : groups.slice(zeros) }
}

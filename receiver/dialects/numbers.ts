import { Decimal } from '../../core/money.ts'
import type { AttributeValue } from '../../core/span.ts'
import { REPORTED_COST_MAX } from '../../core/usage.ts'

/** No single request counts more than this; what does is a fault of the sender. */
export const COUNT_MAX = 1_000_000_000

/** Why a value is no count. */
const COUNT_FAULTS = ['not_a_number', 'negative', 'not_whole', 'too_large'] as const
export type CountFault = (typeof COUNT_FAULTS)[number]

/**
 * Reads a count as senders write them: integer, double or numeric text. Nothing else becomes a number, and a fault is
 * told, so that a bad count is neither zero nor money.
 */
export function readCount(value: AttributeValue): number | CountFault {
  const number = typeof value === 'string' ? numberOf(value) : typeof value === 'number' ? value : Number.NaN
  if (!Number.isFinite(number)) return Number.isNaN(number) ? 'not_a_number' : 'too_large'
  if (number < 0) return 'negative'
  if (!Number.isInteger(number)) return 'not_whole'
  if (number > COUNT_MAX) return 'too_large'
  return number === 0 ? 0 : number
}

/** Quantities that need not be whole, such as seconds of audio. */
export function readQuantity(value: AttributeValue): number | CountFault {
  const count = readCount(value)
  if (count !== 'not_whole') return count
  const number = Number(value)
  return number > COUNT_MAX ? 'too_large' : number
}

/**
 * An amount of money as plain decimal text, or null where it is none, negative, or more than any request costs. Doubles are written in their shortest
 * decimal form, which is what the sender wrote down.
 */
export function readAmount(value: AttributeValue): string | null {
  const text = typeof value === 'number' ? String(value) : typeof value === 'string' ? value.trim() : ''
  const parts = /^(\d{1,20})(?:\.(\d{1,40}))?(?:e([+-]?\d{1,2}))?$/i.exec(text)
  if (parts === null) return null
  const [, whole = '0', fraction = '', exponent = '0'] = parts
  const amount = shifted(whole, fraction, Number(exponent))
  return new Decimal(amount).greaterThan(REPORTED_COST_MAX) ? null : amount
}

/** Why a value is no amount that `readAmount` takes. */
export function amountFault(value: AttributeValue): CountFault {
  const quantity = readQuantity(value)
  return typeof quantity === 'number' ? 'too_large' : quantity
}

const NUMERIC_TEXT = /^\s*[+-]?\d+(?:\.\d*)?(?:e[+-]?\d{1,3})?\s*$/i

function numberOf(text: string): number {
  return text.length <= 64 && NUMERIC_TEXT.test(text) ? Number(text) : Number.NaN
}

function shifted(whole: string, fraction: string, exponent: number): string {
  const digits = whole + fraction
  const point = whole.length + exponent
  const padded = point <= 0 ? '0'.repeat(1 - point) + digits : digits.padEnd(point, '0')
  const at = Math.max(point, 1)
  const integer = padded.slice(0, at).replace(/^0+(?=\d)/, '')
  const decimals = padded.slice(at).replace(/0+$/, '')
  return decimals === '' ? integer : `${integer}.${decimals}`
}

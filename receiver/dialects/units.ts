import type { AttributeValue, Span } from '../../core/span.ts'
import type { Anomaly } from '../../core/usage.ts'
import { STATED_USAGE_PREFIX, UNKNOWN_UNITS_KEY } from '../decode/keys.ts'
import { type Spellings, spellings } from './compile.ts'
import { readCount, readQuantity } from './numbers.ts'
import { STATED_UNITS, UNIT_ALIASES } from './unit-names.ts'

/** `aforo.usage.<unit>`, with the unit it states: of one unit its own name first. */
export const STATED_UNIT_KEYS: readonly (readonly [string, string])[] = STATED_UNITS.flatMap((unit) =>
  [unit, ...(UNIT_ALIASES[unit] ?? [])].map((name) => [unit, `${STATED_USAGE_PREFIX}${name}`] as const),
)
const STATED: Spellings<string> = spellings(STATED_UNIT_KEYS.map(([unit, key]) => [unit, [key]]))
export const NO_SPELLINGS: Spellings<string> = spellings([])

/**
 * Quantities beside the token buckets, by unit: stated outright, else in the first spelling of the row, else as found
 * beside the span's usage. Zeros are left out; what is no quantity is an anomaly, and so is a unit that nobody knows, with
 * its name.
 */
export function readUnits(
  span: Span,
  further: Spellings<string>,
  found: Readonly<Record<string, number>>,
  anomalies: Anomaly[],
): Readonly<Record<string, number>> {
  const unknown = span.attribute(UNKNOWN_UNITS_KEY)
  if (typeof unknown === 'string') {
    anomalies.push({ kind: 'unknown_unit', spanId: span.spanId, reason: unknown })
  }
  const units: Record<string, number> = {}
  for (const { keys, of } of [STATED, further]) {
    for (let at = span.nextOf(keys, 0); at !== -1; at = span.nextOf(keys, at + 1)) {
      take(span, of[at]!, span.attribute(keys[at]!), units, anomalies)
    }
  }
  for (const unit in found) take(span, unit, found[unit], units, anomalies)
  return units
}

function take(
  span: Span,
  unit: string,
  value: AttributeValue | undefined,
  units: Record<string, number>,
  anomalies: Anomaly[],
): void {
  if (value === undefined || units[unit] !== undefined) return
  // Tokens are whole; seconds and pages need not be.
  const quantity = unit.endsWith('_tokens') ? readCount(value) : readQuantity(value)
  if (typeof quantity === 'number') {
    if (quantity > 0) units[unit] = quantity
  } else {
    anomalies.push({ kind: 'bad_number', spanId: span.spanId, reason: quantity })
  }
}

import type { AttributeValue, Span } from '../../core/span.ts'
import type { Anomaly } from '../../core/usage.ts'
import { STATED_USAGE_PREFIX, UNKNOWN_UNITS_KEY } from '../decode/keys.ts'
import { readQuantity } from './numbers.ts'
import { STATED_UNITS } from './unit-names.ts'

/** `aforo.usage.<unit>`, with the unit it states. */
export const STATED_UNIT_KEYS: readonly (readonly [string, string])[] = STATED_UNITS.map(
  (unit) => [unit, `${STATED_USAGE_PREFIX}${unit}`] as const,
)

/**
 * Quantities beside the token buckets, by unit: stated outright, else in the first spelling of the row, else as found
 * beside the span's usage. Zeros are left out; what is no quantity is an anomaly, and so is a unit that nobody knows, with
 * its name.
 */
export function readUnits(
  span: Span,
  spellings: readonly (readonly [string, readonly string[]])[],
  found: Readonly<Record<string, number>>,
  anomalies: Anomaly[],
): Readonly<Record<string, number>> {
  const unknown = span.attribute(UNKNOWN_UNITS_KEY)
  if (typeof unknown === 'string') {
    anomalies.push({ kind: 'unknown_unit', spanId: span.spanId, reason: unknown })
  }
  const units: Record<string, number> = {}
  for (const [unit, key] of STATED_UNIT_KEYS) take(span, unit, span.attribute(key), units, anomalies)
  for (const [unit, keys] of spellings) {
    for (const key of keys) take(span, unit, span.attribute(key), units, anomalies)
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
  const quantity = readQuantity(value)
  if (typeof quantity === 'number') {
    if (quantity > 0) units[unit] = quantity
  } else {
    anomalies.push({ kind: 'bad_number', spanId: span.spanId, reason: quantity })
  }
}

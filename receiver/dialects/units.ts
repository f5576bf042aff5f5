import type { Span } from '../../core/span.ts'
import type { Anomaly } from '../../core/usage.ts'
import { readQuantity } from './numbers.ts'
import { STATED_UNITS } from './vocabularies.ts'

/** `aforo.usage.<unit>`, with the unit it states. */
export const STATED_UNIT_KEYS: readonly (readonly [string, string])[] = STATED_UNITS.map(
  (unit) => [unit, `aforo.usage.${unit}`] as const,
)

/**
 * Quantities beside the token buckets, by unit: stated outright, else in the first spelling of the row. Zeros are left
 * out; what is no quantity is an anomaly.
 */
export function readUnits(
  span: Span,
  spellings: readonly (readonly [string, readonly string[]])[],
  anomalies: Anomaly[],
): Readonly<Record<string, number>> {
  const units: Record<string, number> = {}
  for (const [unit, key] of STATED_UNIT_KEYS) take(span, unit, key, units, anomalies)
  for (const [unit, keys] of spellings) {
    for (const key of keys) take(span, unit, key, units, anomalies)
  }
  return units
}

function take(
  span: Span,
  unit: string,
  key: string,
  units: Record<string, number>,
  anomalies: Anomaly[],
): void {
  if (units[unit] !== undefined) return
  const value = span.attribute(key)
  if (value === undefined) return
  const quantity = readQuantity(value)
  if (typeof quantity === 'number') {
    if (quantity > 0) units[unit] = quantity
  } else {
    anomalies.push({ kind: 'bad_number', spanId: span.spanId, reason: quantity })
  }
}

import type { AttributeValue, Span } from '../../core/span.ts'
import type { Anomaly } from '../../core/usage.ts'
import { readQuantity } from './numbers.ts'
import { STATED_UNITS } from './vocabularies.ts'

/** `aforo.usage.<unit>`, with the unit it states. */
export const STATED_UNIT_KEYS: readonly (readonly [string, string])[] = STATED_UNITS.map(
  (unit) => [unit, `aforo.usage.${unit}`] as const,
)

/**
 * Quantities beside the token buckets, by unit: stated outright, else in the first spelling of the row, else as found
 * beside the span's usage. Zeros are left out; what is no quantity is an anomaly.
 */
export function readUnits(
  span: Span,
  spellings: readonly (readonly [string, readonly string[]])[],
  found: Readonly<Record<string, number>>,
  anomalies: Anomaly[],
): Readonly<Record<string, number>> {
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

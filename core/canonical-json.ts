import { AforoError } from './errors.ts'

/**
 * JSON with the keys of every object sorted and no white space: two bodies that say the same are the same text.
 * Takes what JSON.parse gives.
 * @throws AforoError `invalid_argument` where it is nested deeper than the stack allows, some thousand levels
 */
export function canonicalJson(value: unknown): string {
  try {
    return JSON.stringify(value, (_key, inner: unknown) => (isRecord(inner) ? sorted(inner) : inner))
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new AforoError('invalid_argument', 'the body is nested too deeply')
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function sorted(record: Record<string, unknown>): Record<string, unknown> {
  const keys = Object.keys(record).sort()
  // Without a prototype, so that a key "__proto__" is a key like any other.
  return Object.assign(Object.create(null), Object.fromEntries(keys.map((key) => [key, record[key]])))
}

import { AforoError } from '../../core/errors.ts'

/** Fields of a parsed JSON object. Only own fields count: nothing is read from a prototype. */

const UINT64 = /^\d{1,20}$/
const INT64 = /^-?\d{1,19}$/
const DOUBLE = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/
const UINT64_END = 2n ** 64n
const NOT_FINITE: ReadonlyMap<string, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
])

/** Value of a field; undefined where it is absent or null. */
export function field(of: object, name: string): unknown {
  if (!Object.hasOwn(of, name)) return undefined
  return (of as Readonly<Record<string, unknown>>)[name] ?? undefined
}

/** Elements of an array of objects; none where it is absent. */
export function objects(of: object, name: string): readonly object[] {
  const value = field(of, name)
  if (value === undefined) return []
  if (!Array.isArray(value) || !value.every(isObject)) throw malformed(name, 'an array of objects')
  return value
}

export function optionalObject(of: object, name: string): object | undefined {
  const value = field(of, name)
  if (value !== undefined && !isObject(value)) throw malformed(name, 'an object')
  return value
}

/** A string; empty where it is absent. */
export function optionalText(of: object, name: string): string {
  const value = field(of, name) ?? ''
  if (typeof value !== 'string') throw malformed(name, 'a string')
  return value
}

/** An enumeration's number; 0 where it is absent. Names are not OTLP. */
export function optionalEnum(of: object, name: string): number {
  const value = field(of, name) ?? 0
  if (typeof value !== 'number' || !Number.isInteger(value)) throw malformed(name, 'a number')
  return value
}

/** A uint64 in a decimal string or a number; 0 where it is absent. */
export function optionalUint64(of: object, name: string): bigint {
  const value = field(of, name) ?? 0
  const exact =
    (typeof value === 'string' && UINT64.test(value)) || Number.isInteger(value)
      ? BigInt(value as string | number)
      : -1n
  if (exact < 0n || exact >= UINT64_END) throw malformed(name, 'an unsigned 64-bit integer')
  return exact
}

/** An int64 in a decimal string or a number; as a number where that is exact, else as decimal text. */
export function int64(value: unknown): number | string {
  if (Number.isSafeInteger(value)) return (value as number) + 0
  const exact =
    (typeof value === 'string' && INT64.test(value)) || Number.isInteger(value)
      ? BigInt(value as string | number)
      : UINT64_END
  if (BigInt.asIntN(64, exact) !== exact) throw malformed('intValue', 'a 64-bit integer')
  const short = Number(exact)
  return Number.isSafeInteger(short) ? short : exact.toString()
}

/** A double as a number or in a string, which may say NaN, Infinity or -Infinity. */
export function double(value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value === 'string') {
    const special = NOT_FINITE.get(value)
    if (special !== undefined) return special
    if (DOUBLE.test(value)) return Number(value)
  }
  throw malformed('doubleValue', 'a number')
}

export function malformed(name: string, wanted: string): AforoError {
  return new AforoError('invalid_argument', `OTLP/JSON: ${name} is not ${wanted}`)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

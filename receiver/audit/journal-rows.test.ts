import { expect, it } from 'vitest'
import type { Usage } from '../../core/usage.ts'
import { callOf, noon } from '../../test/support/usages.ts'
import { encodeRows } from '../journal/rows.ts'
import { asWritten, UNITS_TRIED_MAX } from './journal-rows.ts'

/** The fingerprint of a row as the journal writes it: after the signature, the number of fields, tenant and receipt. */
function fingerprintOf(usage: Usage): bigint {
  const bytes = encodeRows([{ tenant: 'default', receivedAt: noon().getTime(), usage }])
  return bytes.readBigInt64BE(19 + 2 + (4 + 'default'.length) + (4 + 8) + 4)
}

/** What a jsonb column gives back: keys by length, then by letter. */
function throughJsonb<T extends object>(value: T): T {
  const keys = Object.keys(value).sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
  return Object.fromEntries(keys.map((key) => [key, value[key as keyof T]])) as T
}

const USAGE = callOf('a', 'root', {
  quantities: { web_searches: 2, images: 1, input_audio_tokens: 7 },
  anomalies: [{ kind: 'bad_number', spanId: 'x', reason: 'negative' }],
})
const READ: Usage = {
  ...USAGE,
  quantities: throughJsonb(USAGE.quantities),
  anomalies: USAGE.anomalies.map(throughJsonb),
}

it('knows a row again whose fields the database has put into another order', () => {
  expect(Object.keys(READ.quantities)).not.toEqual(Object.keys(USAGE.quantities))
  const found = asWritten(READ, fingerprintOf(USAGE))
  expect(JSON.stringify(found?.quantities)).toBe(JSON.stringify(USAGE.quantities))
  expect(JSON.stringify(found?.anomalies)).toBe(JSON.stringify(USAGE.anomalies))
})

it.each<[string, Partial<Usage>]>([
  ['tokens', { buckets: { ...USAGE.buckets, outputText: USAGE.buckets.outputText + 1 } }],
  ['a unit', { quantities: { ...USAGE.quantities, images: 2 } }],
  ['a name', { customer: 'acme ' }],
  ['a reason', { anomalies: [{ kind: 'bad_number', spanId: 'x', reason: 'nan' }] }],
])('sees that %s was changed', (_, change) => {
  expect(asWritten({ ...READ, ...change }, fingerprintOf(USAGE))).toBeNull()
})

it('judges rows of as many units as it tries, and believes those of more', () => {
  const units = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, no) => [`unit_${count - no}`, no + 1]))
  const judged = (count: number) => {
    const written = { ...USAGE, quantities: units(count) }
    return asWritten({ ...written, customer: 'mallory' }, fingerprintOf(written)) === null
  }
  expect([judged(UNITS_TRIED_MAX), judged(UNITS_TRIED_MAX + 1)]).toEqual([true, false])
})

import { expect, test } from 'vitest'
import { rfc3339OfDatabase } from './instant.ts'

test.each([
  ['2026-11-23 15:34:18+00', '2026-11-23T15:34:18.000Z'],
  ['2026-11-23 15:34:18.5+00', '2026-11-23T15:34:18.500Z'],
  ['2026-11-23 15:34:18.000123+00', '2026-11-23T15:34:18.000123Z'],
  ['0001-01-01 00:00:00+00:00', '0001-01-01T00:00:00.000Z'],
])('%s is %s', (text, expected) => {
  expect(rfc3339OfDatabase(text)).toBe(expected)
})

test.each(['2026-11-23 15:34:18+01', 'infinity', '2026-11-23T15:34:18Z'])(
  '%s is not taken for UTC',
  (text) => {
    expect(() => rfc3339OfDatabase(text)).toThrow(RangeError)
  },
)

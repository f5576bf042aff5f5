import fc from 'fast-check'
import { expect, test } from 'vitest'
import { microsOfRfc3339, rfc3339 } from './time.ts'

test('an instant written as RFC 3339 is read back to the microsecond', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 4_102_444_800_000_000_000n }), (nano) => {
      expect(BigInt(microsOfRfc3339(rfc3339(nano)))).toBe(nano / 1000n)
    }),
  )
  expect(microsOfRfc3339('2026-11-23T15:34:18Z')).toBe(Date.UTC(2026, 10, 23, 15, 34, 18) * 1000)
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { leastOf, SCALED_ONE } from '../../core/scaled.ts'
import { grantOf } from './grant-lease.ts'

const count = fc.bigInt({ min: 0n, max: 1_000n }).map((whole) => whole * SCALED_ONE)

test('of what is counted no part is leased that nobody could use, and what is needed as before', () => {
  fc.assert(
    fc.property(count, count, count, count, count, (room, before, spare, need, less) => {
      const wish = { wanted: need + spare, need, least: leastOf(less, need) }
      const parts = grantOf(room, before, wish, false)
      const wholes = grantOf(room, before, wish, true)
      expect(wholes % SCALED_ONE).toBe(0n)
      expect(parts - wholes >= 0n && parts - wholes < SCALED_ONE).toBe(true)
      if (parts >= need) expect(wholes >= need).toBe(true)
    }),
  )
})

test('a need that is no whole, as of an estimate that somebody wrote, is granted all the same', () => {
  const half = SCALED_ONE / 2n
  const wish = { wanted: 10n * SCALED_ONE, need: half, least: half }
  expect(grantOf(100n * SCALED_ONE, 0n, wish, true)).toBe(half + 9n * SCALED_ONE)
  expect(grantOf(half, 0n, wish, true)).toBe(half)
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FreePlaces } from './free-places.ts'

test('finds the last free place as a walk would, whatever was taken before', () => {
  const steps = fc.array(fc.tuple(fc.nat({ max: 19 }), fc.boolean()), { maxLength: 60 })
  fc.assert(
    fc.property(steps, (asked) => {
      const places = new FreePlaces(20)
      const free = Array.from({ length: 20 }, () => true)
      for (const [place, takes] of asked) {
        const expected = free.slice(0, place + 1).lastIndexOf(true)
        expect(places.lastUntil(place)).toBe(expected)
        if (!takes || expected === -1) continue
        places.take(expected)
        free[expected] = false
      }
    }),
  )
})

test('has none before the first, and none of an empty list', () => {
  expect(new FreePlaces(3).lastUntil(-1)).toBe(-1)
  expect(new FreePlaces(0).lastUntil(-1)).toBe(-1)
})

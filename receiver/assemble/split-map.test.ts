import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ENTRIES_PER_PART, PARTS_MAX, SplitMap } from './split-map.ts'

const sizes = fc.constantFrom(0, 1, ENTRIES_PER_PART, ENTRIES_PER_PART + 1, ENTRIES_PER_PART * PARTS_MAX + 1)

test('holds what one map would hold, into however many it is split', () => {
  const entries = fc.array(fc.tuple(fc.string({ maxLength: 3, unit: 'binary' }), fc.nat()))
  fc.assert(
    fc.property(entries, sizes, (told, expected) => {
      const split = new SplitMap<number>(expected)
      const one = new Map(told)
      for (const [key, value] of told) split.set(key, value)
      expect(split.size).toBe(one.size)
      for (const [key, value] of one) expect(split.get(key)).toBe(value)
      expect(split.get('none of these')).toBeUndefined()
    }),
  )
})

test('keeps apart keys that end alike, and the empty one', () => {
  const split = new SplitMap<string>(ENTRIES_PER_PART * PARTS_MAX + 1)
  for (const key of ['', 'a', 'ba', 'cba']) split.set(key, key)
  expect(['', 'a', 'ba', 'cba'].map((key) => split.get(key))).toEqual(['', 'a', 'ba', 'cba'])
  expect(split.size).toBe(4)
})

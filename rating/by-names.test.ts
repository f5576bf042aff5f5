import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByNames } from './by-names.ts'

const NAME = fc.constantFrom(null, 'a', 'b', 'c', 'ab', '')

test('keeps one value for each three names, however many there are, in the order of asking', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(NAME, NAME, NAME), { maxLength: 60 }), (asked) => {
      const counts = new ByNames(() => ({ asked: 0 }))
      for (const names of asked) counts.of(...names).asked += 1
      const expected = new Map<string, number>()
      for (const names of asked) {
        const key = JSON.stringify(names)
        expected.set(key, (expected.get(key) ?? 0) + 1)
      }
      const found = counts.entries.map(({ names, value }) => [JSON.stringify(names), value.asked])
      expect(found).toEqual([...expected])
      expect(counts.entries.length).toBe(expected.size)
    }),
  )
})

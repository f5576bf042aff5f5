import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BySubject } from './by-subject.ts'

const NAME = fc.constantFrom(null, 'a', 'b', 'c', 'ab', '')

test('keeps one value for each subject, however many there are, in the order of asking', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(NAME, NAME, NAME), { maxLength: 60 }), (asked) => {
      const counts = new BySubject(() => ({ asked: 0 }))
      for (const [provider, model, tool] of asked) counts.of(provider, model, tool).asked += 1
      const expected = new Map<string, number>()
      for (const subject of asked) {
        const name = JSON.stringify(subject)
        expected.set(name, (expected.get(name) ?? 0) + 1)
      }
      const found = [...counts].map(({ provider, model, tool, value }) => [
        JSON.stringify([provider, model, tool]),
        value.asked,
      ])
      expect(found).toEqual([...expected])
      expect(counts.size).toBe(expected.size)
    }),
  )
})

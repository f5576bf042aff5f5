import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nameOf } from './name.ts'

const PARTS = fc.array(fc.option(fc.constantFrom('', 'a', '-', '+', '-+')), { minLength: 3, maxLength: 3 })

test('names are the same for the same parts only', () => {
  const name = ([a, b, c]: (string | null)[]) => nameOf(a ?? null, b ?? null, c ?? null)
  fc.assert(
    fc.property(PARTS, PARTS, (one, other) => {
      expect(name(one) === name(other)).toBe(JSON.stringify(one) === JSON.stringify(other))
    }),
    { numRuns: 2000 },
  )
})

import { expect, it } from 'vitest'
import { firstUnlike } from './unlike.ts'

it.each<[unknown, unknown, string | null]>([
  [{ a: [1, { b: null }] }, { a: [1, { b: null }] }, null],
  [1, 2, '/ is 1, not 2'],
  [{ a: [1, { b: null }] }, { a: [1, { b: 'x' }] }, '/a/1/b is null, not "x"'],
  [{ a: 1 }, {}, '/a is 1, not absent'],
  [{}, { a: 0 }, '/a is absent, not 0'],
  [[1, 2], [1], '/1 is 2, not absent'],
  [[], {}, '/ is [], not {}'],
  ['x'.repeat(200), 1, `/ is "${'x'.repeat(119)}…, not 1`],
])('of %j and %j tells %s', (is, must, words) => {
  expect(firstUnlike(is, must)).toBe(words)
})

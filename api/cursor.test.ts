import { expect, test } from 'vitest'
import { decodeCursor, encodeCursor, pageOf } from './cursor.ts'

test('a cursor is read back as it was written', () => {
  const key = ['2026-03-01 10:00:00.000001+00', 'evt_ü/1', 3, false] as const
  expect(decodeCursor(encodeCursor(key), ['string', 'string', 'number', 'boolean'])).toEqual(key)
  expect(decodeCursor(undefined, ['string'])).toBeNull()
})

test.each([
  ['no base64', '***'],
  ['no JSON', Buffer.from('{').toString('base64url')],
  ['no list', Buffer.from('{"a":1}').toString('base64url')],
  ['an empty list', encodeCursor([])],
  ['too few columns', encodeCursor(['a'])],
  ['another type', encodeCursor(['a', 'b'])],
  ['a number that no column holds', Buffer.from('["a",1e300]').toString('base64url')],
])('%s is none of ours', (_what, cursor) => {
  expect(() => decodeCursor(cursor, ['string', 'number'])).toThrow(/not of this list/)
})

test('the last page has no cursor, also where it is full', () => {
  const page = (rows: number[]) =>
    pageOf(
      rows,
      2,
      (row) => [row],
      (row) => row,
    )
  expect(page([])).toEqual({ data: [], next_cursor: null })
  expect(page([1, 2])).toEqual({ data: [1, 2], next_cursor: null })
  expect(page([1, 2, 3])).toEqual({ data: [1, 2], next_cursor: encodeCursor([2]) })
})

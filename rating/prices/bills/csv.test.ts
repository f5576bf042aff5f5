import { stringify } from 'csv-stringify/sync'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readCsv } from './csv.ts'

test('reads what others write', () => {
  const field = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r\n', ' ', 'ü', '') })
  const rows = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 5 })
  fc.assert(
    fc.property(rows, fc.constantFrom('\n', '\r\n'), fc.boolean(), (written, end, isQuoted) => {
      const text = stringify(written, {
        record_delimiter: end,
        quoted: isQuoted || end !== '\n',
        eof: isQuoted,
      })
      expect(readCsv(text)).toEqual(written)
    }),
  )
})

test.each([
  ['', []],
  [
    '\uFEFFa,b\r\n\r\n1,2',
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  ],
  [
    'a,\n,b\n',
    [
      ['a', ''],
      ['', 'b'],
    ],
  ],
  ['a,', [['a', '']]],
  ['"a""b"\n', [['a"b']]],
])('%j', (text, rows) => {
  expect(readCsv(text)).toEqual(rows)
})

test.each(['"a', 'a,"b""', '"a"b,c'])('refuses %j', (text) => {
  expect(() => readCsv(text)).toThrow(/quote/)
})

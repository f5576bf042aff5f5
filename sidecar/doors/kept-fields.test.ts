import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KEPT_BYTES_MAX, KeptFields } from './kept-fields.ts'

const WANTED = new Set(['a', 'kept', '"\\'])

/** Reads a body that comes in chunks cut anywhere. */
function read(body: Uint8Array, cuts: readonly number[] = []): Record<string, unknown> {
  const fields = new KeptFields(WANTED)
  const ends = [...cuts.map((cut) => cut % (body.length + 1)), body.length].sort((a, b) => a - b)
  let from = 0
  for (const to of ends) {
    fields.add(body.subarray(from, to))
    from = to
  }
  return fields.end()
}

test('finds what JSON.parse finds, wherever the body is cut and however it is written', () => {
  const key = fc.oneof(fc.constantFrom(...WANTED, 'texts', 'b'), fc.string())
  const object = fc.dictionary(key, fc.jsonValue({ maxDepth: 3 }), { noNullPrototype: true })
  fc.assert(
    fc.property(object, fc.array(fc.nat(), { maxLength: 6 }), fc.constantFrom(0, 2), (body, cuts, space) => {
      const all = JSON.parse(JSON.stringify(body))
      const wanted = Object.fromEntries(Object.entries(all).filter(([name]) => WANTED.has(name)))
      expect(read(Buffer.from(JSON.stringify(body, null, space)), cuts)).toEqual(wanted)
    }),
  )
})

test('refuses any other bytes, or reads them, and nothing else', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      try {
        read(Buffer.from(text))
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid_argument' })
      }
    }),
  )
})

test.each([
  '',
  '[]',
  '1',
  '{',
  '{"a"',
  '{"a":',
  '{"a":}',
  '{"a":1',
  '{"a":1}}',
  '{"a":1}x',
  '{"b":]}',
  '{1:2}',
])('refuses %j', (text) => {
  expect(() => read(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'invalid_argument' }))
})

test('keeps as much as it may, and walks over any amount', () => {
  const long = (bytes: number) => JSON.stringify({ texts: 'x'.repeat(1_000_000), a: 'y'.repeat(bytes - 2) })
  expect(read(Buffer.from(long(KEPT_BYTES_MAX))).a).toHaveLength(KEPT_BYTES_MAX - 2)
  expect(() => read(Buffer.from(long(KEPT_BYTES_MAX + 1)))).toThrow(
    expect.objectContaining({ code: 'body_too_large' }),
  )
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FRAME_BODY_BYTES_MAX, FrameReader, frameText } from './frames.ts'

const frame = fc.record({
  id: fc.integer({ min: 0, max: 0xffff_ffff }),
  kind: fc.integer({ min: 0, max: 255 }),
  value: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue()),
})

function readAll(reader: FrameReader) {
  const found: { id: number; kind: number; value: unknown }[] = []
  while (reader.next()) found.push({ id: reader.id, kind: reader.kind, value: JSON.parse(reader.body()) })
  return found
}

describe('frames', () => {
  test('come out as they went in, however the bytes are cut into chunks', () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 200 })),
        (frames, cuts) => {
          const sent = frames.map(({ value, ...rest }) => ({
            ...rest,
            value: JSON.parse(JSON.stringify(value)),
          }))
          const bytes = Buffer.from(
            sent.map(({ id, kind, value }) => frameText(id, kind, JSON.stringify(value))).join(''),
            'latin1',
          )
          const reader = new FrameReader()
          const found: unknown[] = []
          let at = 0
          for (const cut of [...cuts, bytes.length]) {
            const chunk = Buffer.from(bytes.subarray(at, at + cut))
            at += cut
            reader.push(chunk)
            found.push(...readAll(reader))
            // A chunk may be used again by whoever gave it, once it is read to its end.
            if (reader.length === 0) chunk.fill(0xff)
          }
          expect(found).toEqual(sent)
        },
      ),
    )
  })

  test('of the largest size are read, byte by byte too, and one byte more is none', () => {
    const json = JSON.stringify('x'.repeat(FRAME_BODY_BYTES_MAX - 2))
    const reader = new FrameReader()
    for (const byte of Buffer.from(frameText(7, 1, json), 'latin1')) reader.push(Buffer.of(byte))
    expect(reader.next()).toBe(true)
    expect([reader.id, reader.kind, reader.body()]).toEqual([7, 1, json])
    reader.push(Buffer.from(frameText(8, 1, `${json} `), 'latin1').subarray(0, 4))
    expect(() => reader.next()).toThrow(RangeError)
  })

  test('have a head', () => {
    const reader = new FrameReader()
    reader.push(Buffer.of(0, 0, 0, 4))
    expect(() => reader.next()).toThrow('this one says 4')
  })

  test('may hold UTF-8', () => {
    const body = Buffer.from('"Zoë 😀"')
    const head = Buffer.alloc(9)
    head.writeUInt32BE(5 + body.length)
    const reader = new FrameReader()
    reader.push(Buffer.concat([head, body]))
    expect(readAll(reader)).toEqual([{ id: 0, kind: 0, value: 'Zoë 😀' }])
  })
})

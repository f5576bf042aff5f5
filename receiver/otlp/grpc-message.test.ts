import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { framed, MessageBuffer, readMessage } from './grpc-message.ts'
import { InFlight } from './in-flight.ts'

const BYTES_MAX = 100_000

function gather(...chunks: Uint8Array[]) {
  const buffer = new MessageBuffer(BYTES_MAX, new InFlight(BYTES_MAX).open())
  for (const chunk of chunks) buffer.add(Buffer.from(chunk))
  return buffer.end()
}

describe('a message', () => {
  it('is the same wherever its frame is cut', () => {
    const cuts = fc.array(fc.nat(), { maxLength: 8 })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), cuts, (bytes, isCompressed, at) => {
        const frame = framed(Buffer.from(bytes))
        frame[0] = isCompressed ? 1 : 0
        const ends = [...at.map((cut) => cut % (frame.length + 1)), frame.length].sort((a, b) => a - b)
        const chunks = ends.map((end, i) => frame.subarray(ends[i - 1] ?? 0, end))
        expect(gather(...chunks)).toEqual({ bytes: Buffer.from(bytes), isCompressed })
      }),
    )
  })
  it('of any other bytes is refused or read, and nothing else', () => {
    const codes = expect.stringMatching(/^(invalid_argument|body_too_large)$/)
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), (chunks) => {
        try {
          gather(...chunks)
        } catch (error) {
          expect(error).toMatchObject({ code: codes })
        }
      }),
    )
  })
  it.each([
    ['no bytes', [], 'invalid_argument'],
    ['a part of the prefix', [0, 0, 0], 'invalid_argument'],
    ['unknown flags', [2, 0, 0, 0, 0], 'invalid_argument'],
    ['less than its length', [0, 0, 0, 0, 2, 9], 'invalid_argument'],
    ['more than its length', [0, 0, 0, 0, 1, 9, 9], 'invalid_argument'],
    ['a second message', [0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 'invalid_argument'],
    ['a byte more than is taken', [0, 0, 1, 0x86, 0xa1], 'body_too_large'],
    ['the largest length there is', [0, 255, 255, 255, 255], 'body_too_large'],
  ])('with %s is refused', (_, bytes, code) => {
    expect(() => gather(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code }))
  })
  it('is refused retryably where there is no room for it', async () => {
    const inFlight = new InFlight(10)
    const reservation = inFlight.open()
    const reading = readMessage(Readable.from([framed(Buffer.alloc(11))]), BYTES_MAX, reservation)
    await expect(reading).rejects.toMatchObject({ code: 'unavailable' })
    expect(inFlight.bytes).toBe(0)
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AforoError } from '../../core/errors.ts'
import { keptByReference, keptOfBatch } from '../../test/support/kept-spans.ts'
import { ExportTraceServiceRequest } from '../../test/support/otlp-proto.ts'
import { COUNTED, jsonOfRequest, requests, WANTED } from '../../test/support/otlp-requests.ts'
import type { SpanBatch } from './batch.ts'
import { decodeJson } from './json.ts'
import { compileKeys, type KeyTable } from './keys.ts'
import { decodeProtobuf } from './protobuf.ts'

const keys = compileKeys(WANTED, COUNTED)
const VALID = encode({
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'a', value: { stringValue: 'service' } }] },
      scopeSpans: [
        {
          scope: { name: 'scope', version: '1' },
          spans: [
            {
              traceId: Buffer.alloc(16, 1),
              spanId: Buffer.alloc(8, 2),
              parentSpanId: Buffer.alloc(8, 3),
              traceState: 'x=y',
              flags: 0x101,
              name: 'chat model',
              kind: 3,
              startTimeUnixNano: '1790000000000000000',
              endTimeUnixNano: '1790000001000000000',
              attributes: [
                { key: 'gen_ai.system', value: { stringValue: 'x'.repeat(200) } },
                { key: 'gen_ai.usage.input_tokens', value: { intValue: '123456789012345678' } },
                { key: 'gen_ai.usage.output_tokens', value: { doubleValue: 1.5 } },
                { key: 'gen_ai.output.messages', value: { stringValue: '[{"type":"reasoning"}]' } },
                { key: 'unwanted', value: { arrayValue: { values: [{ stringValue: 'y' }] } } },
                { key: 'gen', value: { boolValue: true } },
              ],
              events: [{ name: 'exception', attributes: [{ key: 'a', value: { intValue: 1 } }] }],
              status: { code: 2, message: 'failed' },
            },
          ],
        },
      ],
    },
  ],
})

function encode(request: object): Uint8Array {
  return ExportTraceServiceRequest.encode(ExportTraceServiceRequest.fromObject(request)).finish()
}

/** Decodes and reads everything; undefined where the body is refused in the one way it may be. */
function attempt(decode: (body: Uint8Array, keys: KeyTable) => SpanBatch, body: Uint8Array) {
  try {
    return keptOfBatch(decode(body, keys))
  } catch (error) {
    if (error instanceof AforoError && error.code === 'invalid_argument') return undefined
    throw error
  }
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, value >> 7]
}

/** What protobufjs reads, or undefined where it refuses. */
function attemptReference(body: Uint8Array) {
  try {
    return keptByReference(body)
  } catch {
    return undefined
  }
}

describe('decoding what is not as it should be', () => {
  it('refuses a request cut off at any byte but the last', () => {
    expect(attempt(decodeProtobuf, VALID)).toHaveLength(1)
    for (let length = 1; length < VALID.length; length++) {
      // A copy of its own: a read beyond it finds no bytes, not those of the whole message.
      expect(attempt(decodeProtobuf, Uint8Array.from(VALID.subarray(0, length))), `at ${length}`).toBe(
        undefined,
      )
    }
  })

  it('refuses OTLP/JSON cut off at any byte but the last', () => {
    fc.assert(
      fc.property(requests, (request) => {
        const body = jsonOfRequest(request)
        for (let length = 0; length < body.length; length += 1 + (length >> 6)) {
          expect(attempt(decodeJson, body.subarray(0, length))).toBe(undefined)
        }
      }),
      { numRuns: 20 },
    )
  })

  it('survives random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (body) => {
        attempt(decodeProtobuf, body)
        attempt(decodeJson, body)
      }),
      { numRuns: 3_000 },
    )
  })

  it('survives any one byte changed to any other', () => {
    for (let at = 0; at < VALID.length; at++) {
      for (const value of [
        0,
        1,
        7,
        8,
        0x0a,
        0x12,
        0x4a,
        0x7f,
        0x80,
        0xff,
        VALID[at]! ^ 1,
        VALID[at]! ^ 0x80,
      ]) {
        const body = Uint8Array.from(VALID)
        body[at] = value
        attempt(decodeProtobuf, body)
      }
    }
  })

  it('survives valid requests with bytes changed, doubled and dropped', () => {
    const change = fc.record({
      at: fc.nat(),
      kind: fc.constantFrom('set', 'insert', 'drop'),
      value: fc.nat(255),
    })
    fc.assert(
      fc.property(requests, fc.array(change, { minLength: 1, maxLength: 4 }), (request, changes) => {
        const body = [...encode(request)]
        for (const { at, kind, value } of changes) {
          const place = at % (body.length + 1)
          if (kind === 'set') body[place] = value
          else body.splice(place, kind === 'drop' ? 1 : 0, ...(kind === 'insert' ? [value] : []))
        }
        attempt(decodeProtobuf, Uint8Array.from(body))
      }),
      { numRuns: 2_000 },
    )
  })

  it('reads what protobufjs reads of requests run together, with unknown fields between', () => {
    const unknown = fc.constantFrom(
      [0xf8, 0x01, 0x05],
      [0xf9, 0x01, 1, 2, 3, 4, 5, 6, 7, 8],
      [0xfa, 0x01, 2, 9, 9],
      [0xfd, 0x01, 1, 2, 3, 4],
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(requests.map(encode), unknown), { maxLength: 4 }), (pieces) => {
        const body = Buffer.concat(pieces.flatMap(([piece, field]) => [piece, Uint8Array.from(field)]))
        expect(attempt(decodeProtobuf, body)).toEqual(attemptReference(body))
      }),
    )
  })

  it('reads what protobufjs reads of an attribute with its fields in any order, or with more than those', () => {
    const key = (text: string) => [0x0a, text.length, ...Buffer.from(text)]
    const value = fc.constantFrom<number[]>(
      [0x12, 2, 0x18, 5],
      [0x12, 3, 0x0a, 1, 0x78],
      [0x12, 0],
      [0x12, 3, 0x98, 0x06, 1],
    )
    const pieces = [key('a'), key('b'), key('gen'), [0x18, 7], [0xa2, 0x06, 1, 0]]
    const others = fc.shuffledSubarray(pieces)
    fc.assert(
      fc.property(fc.array(fc.tuple(others, value, fc.nat(5)), { maxLength: 5 }), (attributes) => {
        const fields = attributes.flatMap(([before, own, at]) => {
          const inner = before.toSpliced(at, 0, own).flat()
          return [0x4a, inner.length, ...inner]
        })
        const span = [0x0a, 16, ...Array(16).fill(1), 0x12, 8, ...Array(8).fill(2), ...fields]
        const scope = [0x12, ...varint(span.length), ...span]
        const resource = [0x12, ...varint(scope.length), ...scope]
        const body = Uint8Array.from([0x0a, ...varint(resource.length), ...resource])
        expect(attempt(decodeProtobuf, body)).toEqual(attemptReference(body))
      }),
      { numRuns: 1_000 },
    )
  })

  it.each([
    ['a varint of eleven bytes', [0x08, ...Array(10).fill(0xff), 0x01]],
    ['a length of 2^63', [0x0a, ...Array(9).fill(0xff), 0x01]],
    ['a length of 2^32 + 1', [0x0a, 0x81, 0x80, 0x80, 0x80, 0x10, 0x00]],
    ['a length of −1 in 32 bits', [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ['field number 0', [0x02, 0x00]],
    ['a field number beyond 29 bits', [0x8a, 0x80, 0x80, 0x80, 0x80, 0x01, 0x00]],
    ['wire type 6', [0x0e]],
    ['wire type 7', [0x0f]],
    ['the end of a group that never began', [0x0c]],
    ['a group that never ends', [0x0b, 0x08, 0x01]],
  ])('refuses %s', (_, bytes) => {
    expect(attempt(decodeProtobuf, Uint8Array.from(bytes))).toBe(undefined)
  })

  it('takes a varint written longer than needed', () => {
    expect(attempt(decodeProtobuf, Uint8Array.from([0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]))).toEqual([])
    expect(attempt(decodeProtobuf, Uint8Array.from([0x8a, 0x00, 0x00]))).toEqual([])
  })

  it('holds nothing for millions of empty resources and scopes', () => {
    const scopes = Buffer.alloc(200_000, Buffer.from([0x12, 0x00]))
    const around = Buffer.concat([Buffer.from([0x0a, 0xc0, 0x9a, 0x0c]), scopes])
    const body = Buffer.concat([Buffer.alloc(2_000_000, Buffer.from([0x0a, 0x00])), around])
    expect(attempt(decodeProtobuf, body)).toEqual([])
  })
})

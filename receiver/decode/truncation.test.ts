import { describe, expect, it } from 'vitest'
import { AforoError } from '../../core/errors.ts'
import { keptByReference, keptOfBatch } from '../../test/support/kept-spans.ts'
import { COUNTED, WANTED } from '../../test/support/otlp-requests.ts'
import { SpanColumns } from './columns.ts'
import { compileKeys } from './keys.ts'
import { decodeProtobuf } from './protobuf.ts'

const keys = compileKeys(WANTED, COUNTED)
const IDS = [...field(0x0a, Array(16).fill(1)), ...field(0x12, Array(8).fill(2))]
const ATTRIBUTES = [
  [...field(0x0a, text('a')), ...field(0x12, field(0x0a, text('a text')))],
  [...field(0x0a, text('a')), ...field(0x12, [0x18, 0x96, 0x01])],
  [...field(0x0a, text('gen')), ...field(0x12, [0x21, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f])],
  [...field(0x0a, text('gen')), ...field(0x12, [0x10, 0x01])],
  [...field(0x0a, text('nobody wants this')), ...field(0x12, field(0x0a, text('a text')))],
  [...field(0x0a, text('gen_ai.output.messages')), ...field(0x12, field(0x0a, text('"type":"thinking"')))],
]
const SPAN = [
  ...IDS,
  ...field(0x22, Array(8).fill(3)),
  ...field(0x2a, text('chat')),
  ...[0x30, 0x03, 0x39, 1, 2, 3, 4, 5, 6, 7, 8, 0x41, 1, 2, 3, 4, 5, 6, 7, 9],
  ...ATTRIBUTES.flatMap((attribute) => field(0x4a, attribute)),
  ...field(0x7a, [...field(0x12, text('failed')), 0x18, 0x02]),
  ...[0x85, 0x01, 1, 2, 3, 4],
]

/** Here every length around the cut is right, so that only the message that was cut can tell. */
describe('a message cut off within a sound one', () => {
  it('is a span: read as protobufjs reads it, or refused as there', () => {
    for (let length = 0; length <= SPAN.length; length++) {
      expectAsReference(requestOf(SPAN.slice(0, length), SPAN), `at ${length}`)
    }
  })

  it('is an attribute: read as protobufjs reads it, or refused as there', () => {
    for (const attribute of ATTRIBUTES) {
      for (let length = 0; length <= attribute.length; length++) {
        expectAsReference(
          requestOf([...IDS, ...field(0x4a, attribute.slice(0, length))], SPAN),
          `at ${length}`,
        )
      }
    }
  })

  it('is an attribute that reaches beyond its span', () => {
    const unwanted = field(0x4a, ATTRIBUTES[4]!)
    for (let missing = 1; missing < unwanted.length; missing++) {
      // The bytes that are missing to the attribute follow, outside of its span.
      const first = [...IDS, ...unwanted]
      const spans = [...varint(first.length - missing), ...first, ...field(0x12, SPAN)]
      expectAsReference(Uint8Array.from(field(0x0a, field(0x12, [0x12, ...spans]))), `${missing} bytes`)
    }
  })
})

describe('scopes and resources without spans', () => {
  it('are forgotten, whatever came before', () => {
    const columns = new SpanColumns(keys, 0)
    const source = new DataView(new ArrayBuffer(24))
    source.setInt32(0, 1)
    source.setInt32(16, 1)
    for (const spans of [1, 0, 0, 1, 0]) {
      columns.startResource()
      columns.startScope()
      for (let i = 0; i < spans; i++) {
        columns.startSpan()
        const parts = {
          traceId: 0,
          spanId: 16,
          parentSpanId: -1,
          start: -1,
          end: -1,
          kind: 0,
          failed: false,
          failureStatus: 0,
          name: '',
        }
        columns.addSpan(source, parts)
      }
      columns.endScope()
      columns.endResource()
    }
    expect([columns.count, columns.scopeNames.length, columns.resourcesFrom.length]).toEqual([2, 2, 2])
  })
})

function expectAsReference(body: Uint8Array, where: string): void {
  let expected: unknown
  try {
    expected = keptByReference(body)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    expected = 'refused'
  }
  let actual: unknown
  try {
    actual = keptOfBatch(decodeProtobuf(body, keys))
  } catch (error) {
    if (!(error instanceof AforoError && error.code === 'invalid_argument')) throw error
    actual = 'refused'
  }
  expect(actual, where).toEqual(expected)
}

function requestOf(...spans: number[][]): Uint8Array {
  return Uint8Array.from(
    field(
      0x0a,
      field(
        0x12,
        spans.flatMap((span) => field(0x12, span)),
      ),
    ),
  )
}

function field(tag: number, bytes: readonly number[]): number[] {
  return [tag, ...varint(bytes.length), ...bytes]
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, value >> 7]
}

function text(of: string): number[] {
  return [...Buffer.from(of)]
}

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isSound, keptByReference, keptOfBatch } from '../../test/support/kept-spans.ts'
import { ExportTraceServiceRequest } from '../../test/support/otlp-proto.ts'
import { COUNTED, requests, type SpanLiteral, WANTED } from '../../test/support/otlp-requests.ts'
import { compileKeys } from './keys.ts'
import { decodeProtobuf } from './protobuf.ts'

const keys = compileKeys(WANTED, COUNTED)
const SPAN = { traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2) }

function encode(request: object): Uint8Array {
  return ExportTraceServiceRequest.encode(ExportTraceServiceRequest.fromObject(request)).finish()
}

function requestOf(...spans: object[]): Uint8Array {
  return encode({ resourceSpans: [{ scopeSpans: [{ spans }] }] })
}

describe('decodeProtobuf', () => {
  it('tells of every sound span what protobufjs tells, and rejects the others', () => {
    fc.assert(
      fc.property(requests, (request) => {
        const body = encode(request)
        const batch = decodeProtobuf(body, keys)
        expect(keptOfBatch(batch)).toEqual(keptByReference(body))
        const spans = request.resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans))
        expect(batch.rejected.map(({ index }) => index)).toEqual(indexesOfUnsound(spans))
      }),
      { numRuns: 500 },
    )
  })

  it('reads an empty body as no spans', () => {
    expect(decodeProtobuf(new Uint8Array(0), keys).length).toBe(0)
  })

  it('reads a plain Uint8Array within a larger buffer', () => {
    const body = requestOf({ ...SPAN, name: 'chat' })
    const larger = new Uint8Array(body.length + 20).fill(255)
    larger.set(body, 9)
    expect(decodeProtobuf(larger.subarray(9, 9 + body.length), keys).span(0).name).toBe('chat')
  })

  it('does not hold on to the body', () => {
    const body = requestOf({
      ...SPAN,
      name: 'chat',
      attributes: [{ key: 'a', value: { stringValue: 'kept' } }],
    })
    const batch = decodeProtobuf(body, keys)
    const before = keptOfBatch(batch)
    body.fill(0)
    expect(keptOfBatch(batch)).toEqual(before)
  })

  it('names why a span is rejected, and keeps the rest', () => {
    const batch = decodeProtobuf(
      requestOf(
        { ...SPAN, traceId: Buffer.alloc(15, 1) },
        { ...SPAN, traceId: Buffer.alloc(16) },
        { ...SPAN, name: 'kept' },
        { ...SPAN, spanId: Buffer.alloc(0) },
        { ...SPAN, spanId: Buffer.alloc(8) },
        { ...SPAN, parentSpanId: Buffer.alloc(7, 1) },
        { ...SPAN, name: 'also kept', parentSpanId: Buffer.alloc(8) },
      ),
      keys,
    )
    expect(batch.rejected).toEqual([
      { index: 0, reason: 'trace_id_malformed' },
      { index: 1, reason: 'trace_id_zero' },
      { index: 3, reason: 'span_id_malformed' },
      { index: 4, reason: 'span_id_zero' },
      { index: 5, reason: 'parent_span_id_malformed' },
    ])
    expect(keptOfBatch(batch)).toMatchObject([{ name: 'kept' }, { name: 'also kept', parentSpanId: '' }])
  })

  it('gives a resource told of in parts, or after its spans, to all of its spans', () => {
    const attribute = (key: string) => ({ attributes: [{ key, value: { stringValue: key } }] })
    const spans = encode({ resourceSpans: [{ scopeSpans: [{ spans: [SPAN] }] }] }).subarray(2)
    const resources = ['a', 'gen'].map((key) =>
      encode({ resourceSpans: [{ resource: attribute(key) }] }).subarray(2),
    )
    const inner = Buffer.concat([resources[0]!, spans, resources[1]!])
    const batch = decodeProtobuf(Buffer.concat([Buffer.from([0x0a, inner.length]), inner]), keys)
    expect(['a', 'gen'].map((key) => batch.span(0).resource(key))).toEqual(['a', 'gen'])
  })

  it('reads times and integers at the edges of 64 bits', () => {
    const ints = [
      '9223372036854775807',
      '-9223372036854775808',
      '9007199254740991',
      '-9007199254740992',
      '-1',
    ]
    const batch = decodeProtobuf(
      requestOf(
        { ...SPAN, startTimeUnixNano: '18446744073709551615', endTimeUnixNano: '0' },
        ...ints.map((intValue) => ({ ...SPAN, attributes: [{ key: 'a', value: { intValue } }] })),
      ),
      keys,
    )
    expect([batch.span(0).startNano, batch.span(0).endNano]).toEqual([2n ** 64n - 1n, 0n])
    const values = ints.map((_, i) => batch.span(i + 1).attribute('a'))
    expect(values).toEqual([ints[0], ints[1], Number.MAX_SAFE_INTEGER, '-9007199254740992', -1])
  })

  it('refuses to show a span that is not there', () => {
    expect(() => decodeProtobuf(requestOf(SPAN), keys).span(1)).toThrow(RangeError)
  })
})

function indexesOfUnsound(spans: readonly SpanLiteral[]): number[] {
  return [...spans.entries()].filter(([, span]) => !isSound(span)).map(([index]) => index)
}

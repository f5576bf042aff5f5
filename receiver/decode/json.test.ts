import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keptOfBatch } from '../../test/support/kept-spans.ts'
import { ExportTraceServiceRequest } from '../../test/support/otlp-proto.ts'
import { COUNTED, jsonOfRequest, requests, WANTED } from '../../test/support/otlp-requests.ts'
import { decodeJson } from './json.ts'
import { compileKeys } from './keys.ts'
import { decodeProtobuf } from './protobuf.ts'

const keys = compileKeys(WANTED, COUNTED)
const ids = { traceId: 'AB'.repeat(16), spanId: 'cD'.repeat(8) }

function decode(request: unknown) {
  return decodeJson(Buffer.from(typeof request === 'string' ? request : JSON.stringify(request)), keys)
}

function decodeSpans(...spans: object[]) {
  return decode({ resourceSpans: [{ scopeSpans: [{ spans }] }] })
}

function decodedValue(value: object) {
  return decodeSpans({ ...ids, attributes: [{ key: 'a', value }] })
    .span(0)
    .attribute('a')
}

describe('decodeJson', () => {
  it('tells of a request what decodeProtobuf tells of the same request', () => {
    fc.assert(
      fc.property(requests, (request) => {
        const message = ExportTraceServiceRequest.fromObject(request)
        const binary = decodeProtobuf(ExportTraceServiceRequest.encode(message).finish(), keys)
        const json = decodeJson(jsonOfRequest(request), keys)
        expect(keptOfBatch(json)).toEqual(keptOfBatch(binary))
        expect(json.rejected).toEqual(binary.rejected)
      }),
      { numRuns: 500 },
    )
  })

  it('reads ids in either case, and rejects those that are not hex', () => {
    const batch = decodeSpans(
      ids,
      { ...ids, traceId: 'q6urq6urq6urq6urq6urqw==' },
      { ...ids, spanId: 42 },
      { ...ids, parentSpanId: 'zz'.repeat(8) },
      { ...ids, parentSpanId: null },
      { ...ids, parentSpanId: '0'.repeat(16) },
      {},
    )
    expect(batch.rejected.map(({ index, reason }) => [index, reason])).toEqual([
      [1, 'trace_id_malformed'],
      [2, 'span_id_malformed'],
      [3, 'parent_span_id_malformed'],
      [6, 'trace_id_malformed'],
    ])
    expect(
      keptOfBatch(batch).map(({ traceId, spanId, parentSpanId }) => [traceId, spanId, parentSpanId]),
    ).toEqual(Array(3).fill(['ab'.repeat(16), 'cd'.repeat(8), '']))
  })

  it('reads 64-bit integers from strings and from numbers', () => {
    const span = decodeSpans({
      ...ids,
      startTimeUnixNano: '18446744073709551615',
      endTimeUnixNano: 1_700,
    }).span(0)
    expect([span.startNano, span.endNano]).toEqual([2n ** 64n - 1n, 1_700n])
    expect(decodedValue({ intValue: '-12' })).toBe(-12)
    expect(decodedValue({ intValue: 12 })).toBe(12)
    expect(decodedValue({ intValue: '9007199254740993' })).toBe('9007199254740993')
  })

  it('reads doubles that are no numbers in JSON', () => {
    expect(decodedValue({ doubleValue: 'NaN' })).toBeNaN()
    expect(decodedValue({ doubleValue: 'Infinity' })).toBe(Number.POSITIVE_INFINITY)
    expect(decodedValue({ doubleValue: '-Infinity' })).toBe(Number.NEGATIVE_INFINITY)
    expect(decodedValue({ doubleValue: '1.5e3' })).toBe(1_500)
  })

  it('ignores unknown fields and snake case, and takes null for absent', () => {
    expect(decode({ resource_spans: [{}], resourceSpans: null, extra: [1] }).length).toBe(0)
    expect(
      decodeSpans({ ...ids, start_time_unix_nano: '5', name: null, status: null }).span(0).startNano,
    ).toBe(0n)
    expect(decode('{}').length).toBe(0)
  })

  it('makes text storable: no lone surrogates, no NUL', () => {
    expect(decodedValue({ stringValue: 'a\ud800b\0c' })).toBe('a\ufffdb\ufffdc')
  })

  it.each([
    '',
    'nonsense',
    '[]',
    'null',
    '"text"',
    '{"resourceSpans":{}}',
    '{"resourceSpans":[1]}',
    '{"resourceSpans":[{"resource":[]}]}',
    '{"resourceSpans":[{"scopeSpans":[{"scope":{"name":5}}]}]}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":["x"]}]}]}',
    ...[
      '"name":{}',
      '"kind":"SPAN_KIND_CLIENT"',
      '"kind":1.5',
      '"startTimeUnixNano":"-1"',
      '"startTimeUnixNano":"18446744073709551616"',
      '"endTimeUnixNano":1.5',
      '"endTimeUnixNano":true',
      '"status":{"code":"STATUS_CODE_ERROR"}',
      '"attributes":{}',
      '"attributes":[{"key":1}]',
      '"attributes":[{"key":"a","value":"text"}]',
      '"attributes":[{"key":"a","value":{"stringValue":1}}]',
      '"attributes":[{"key":"a","value":{"boolValue":"true"}}]',
      '"attributes":[{"key":"a","value":{"intValue":"1.5"}}]',
      '"attributes":[{"key":"a","value":{"intValue":1.5}}]',
      '"attributes":[{"key":"a","value":{"intValue":"9223372036854775808"}}]',
      '"attributes":[{"key":"a","value":{"doubleValue":"0x10"}}]',
    ].map((field) => `{"resourceSpans":[{"scopeSpans":[{"spans":[{${field}}]}]}]}`),
  ])('refuses %s', (body) => {
    expect(() => decode(body)).toThrow(
      expect.objectContaining({ name: 'AforoError', code: 'invalid_argument' }),
    )
  })

  it('takes nothing from a prototype and gives nothing to one', () => {
    const polluting = `{"resourceSpans":[{"__proto__":{"scopeSpans":[{"spans":[{"traceId":"${ids.traceId}"}]}]}}]}`
    expect(decode(polluting)).toMatchObject({ length: 0, rejected: [] })
    const named = decodeSpans({
      ...ids,
      attributes: [{ key: '__proto__', value: { stringValue: 'x' } }],
    }).span(0)
    expect([named.attribute('__proto__'), named.attribute('constructor')]).toEqual([undefined, undefined])
    expect(Object.hasOwn(Object.prototype, 'scopeSpans')).toBe(false)
  })
})

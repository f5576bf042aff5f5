import { describe, expect, it } from 'vitest'
import { ExportTraceServiceRequest } from '../../test/support/otlp-proto.ts'
import { decodeJson } from './json.ts'
import { compileKeys } from './keys.ts'
import { ATTRIBUTES_PER_SPAN_MAX, GROUP_DEPTH_MAX, SPANS_PER_REQUEST_MAX, TEXT_BYTES_MAX } from './limits.ts'
import { decodeProtobuf } from './protobuf.ts'

const keys = compileKeys(['kept', 'last'], ['counted'])
const ids = { traceId: '01'.repeat(16), spanId: '02'.repeat(8) }

/** Both decoders over one span with these fields. */
function both(span: { name?: string; attributes?: object[] }) {
  const binary = { ...span, traceId: Buffer.from(ids.traceId, 'hex'), spanId: Buffer.from(ids.spanId, 'hex') }
  const message = ExportTraceServiceRequest.fromObject({
    resourceSpans: [{ scopeSpans: [{ spans: [binary] }] }],
  })
  const json = { resourceSpans: [{ scopeSpans: [{ spans: [{ ...span, ...ids }] }] }] }
  return [
    {
      form: 'protobuf',
      span: decodeProtobuf(ExportTraceServiceRequest.encode(message).finish(), keys).span(0),
    },
    { form: 'json', span: decodeJson(Buffer.from(JSON.stringify(json)), keys).span(0) },
  ]
}

function ints(count: number): object[] {
  return Array.from({ length: count }, (_, i) => ({ key: 'kept', value: { intValue: i } }))
}

const LAST = { key: 'last', value: { boolValue: true } }

describe('limits of decoding', () => {
  it(`keeps ${ATTRIBUTES_PER_SPAN_MAX} attributes of a span and leaves out the one beyond`, () => {
    for (const { form, span } of both({ attributes: [...ints(ATTRIBUTES_PER_SPAN_MAX - 1), LAST] })) {
      expect(span.attribute('last'), form).toBe(true)
    }
    for (const { form, span } of both({ attributes: [...ints(ATTRIBUTES_PER_SPAN_MAX), LAST] })) {
      expect(span.attribute('kept'), form).toBe(ATTRIBUTES_PER_SPAN_MAX - 1)
      expect(span.attribute('last'), form).toBe(undefined)
    }
  })

  it('finds usage behind ten thousand attributes nobody wants', () => {
    const unwanted = Array.from({ length: 10_000 }, (_, i) => ({ key: `other.${i}`, value: { intValue: i } }))
    for (const { form, span } of both({ attributes: [...unwanted, LAST] })) {
      expect(span.attribute('last'), form).toBe(true)
    }
  })

  it('tells of reasoning parts on a span that is full', () => {
    const counted = { key: 'counted', value: { stringValue: '{"type":"thinking"}' } }
    for (const { form, span } of both({ attributes: [...ints(ATTRIBUTES_PER_SPAN_MAX + 1), counted] })) {
      expect(span.attribute('aforo.reasoning_parts'), form).toBe(1)
    }
  })

  it(`leaves out a text of more than ${TEXT_BYTES_MAX} bytes`, () => {
    const euro = '€' // Three bytes: bytes count, not characters.
    const longest = euro.repeat(TEXT_BYTES_MAX / 3) + 'x'.repeat(TEXT_BYTES_MAX % 3)
    for (const { form, span } of both({ attributes: [{ key: 'kept', value: { stringValue: longest } }] })) {
      expect(span.attribute('kept'), form).toBe(longest)
    }
    for (const { form, span } of both({
      attributes: [{ key: 'kept', value: { stringValue: `${longest}x` } }],
    })) {
      expect(span.attribute('kept'), form).toBe(undefined)
    }
  })

  it(`cuts a name at ${TEXT_BYTES_MAX} bytes`, () => {
    for (const { form, span } of both({ name: 'n'.repeat(TEXT_BYTES_MAX) })) {
      expect(span.name.length, form).toBe(TEXT_BYTES_MAX)
    }
    const [protobuf, json] = both({ name: `${'n'.repeat(TEXT_BYTES_MAX - 1)}€` })
    expect(protobuf!.span.name).toBe(`${'n'.repeat(TEXT_BYTES_MAX - 1)}\ufffd`)
    expect(json!.span.name).toBe(protobuf!.span.name)
  })

  it(`takes groups nested ${GROUP_DEPTH_MAX} deep in an unknown field and no deeper`, () => {
    const nested = (depth: number) => Buffer.from([...Array(depth).fill(0x3b), ...Array(depth).fill(0x3c)])
    expect(decodeProtobuf(nested(GROUP_DEPTH_MAX), keys).length).toBe(0)
    expect(() => decodeProtobuf(nested(GROUP_DEPTH_MAX + 1), keys)).toThrow(/nested too deeply/)
    expect(() => decodeProtobuf(Buffer.from([0x3b, 0x44]), keys)).toThrow(/crossed groups/)
  })

  it('is not impressed by JSON nested a hundred thousand deep', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    const kept = `{"attributes":[{"key":"last","value":{"boolValue":true}},{"key":"kept","value":{"arrayValue":${deep}}}]`
    const body = `{"resourceSpans":[{"scopeSpans":[{"spans":[${kept},"traceId":"${ids.traceId}","spanId":"${ids.spanId}"}]}]}]}`
    const span = decodeJson(Buffer.from(body), keys).span(0)
    expect([span.attribute('last'), span.attribute('kept')]).toEqual([true, undefined])
  })

  it(`takes ${SPANS_PER_REQUEST_MAX} spans and refuses one more, sound or not`, () => {
    const span = Buffer.from(`0a10${ids.traceId}1208${ids.spanId}`, 'hex')
    const sound = Buffer.concat([Buffer.from([0x12, span.length]), span])
    const unsound = Buffer.from([0x12, 0])
    const body = (count: number, last: Buffer) => {
      const spans = Buffer.concat([...Array<Buffer>(count - 1).fill(sound), last])
      return field(0x0a, field(0x12, spans))
    }
    expect(decodeProtobuf(body(SPANS_PER_REQUEST_MAX, sound), keys).length).toBe(SPANS_PER_REQUEST_MAX)
    for (const last of [sound, unsound]) {
      const tooMany = body(SPANS_PER_REQUEST_MAX + 1, last)
      expect(() => decodeProtobuf(tooMany, keys)).toThrow(expect.objectContaining({ code: 'body_too_large' }))
    }
    const json = `{"resourceSpans":[{"scopeSpans":[{"spans":[${'{},'.repeat(SPANS_PER_REQUEST_MAX)}{}]}]}]}`
    expect(() => decodeJson(Buffer.from(json), keys)).toThrow(
      expect.objectContaining({ code: 'body_too_large' }),
    )
  })
})

/** The bytes as a field with this tag. */
function field(tag: number, inner: Buffer): Buffer {
  const length: number[] = []
  for (let rest = inner.length; ; rest >>>= 7) {
    length.push(rest < 0x80 ? rest : (rest & 0x7f) | 0x80)
    if (rest < 0x80) break
  }
  return Buffer.concat([Buffer.from([tag, ...length]), inner])
}

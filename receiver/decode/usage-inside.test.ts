import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ExportTraceServiceRequest } from '../../test/support/otlp-proto.ts'
import { jsonOfRequest, type RequestLiteral, type ValueLiteral } from '../../test/support/otlp-requests.ts'
import { decodeJson } from './json.ts'
import { compileKeys, usageInsideKey } from './keys.ts'
import { decodeProtobuf } from './protobuf.ts'
import { USAGE_BYTES_MAX, usageInside } from './usage-inside.ts'

const found = (text: string): string | null => {
  const bytes = Buffer.from(`##${text}##`)
  return usageInside(bytes, 2, bytes.length - 2)
}

describe('usageInside', () => {
  it.each([
    ['{"message":{"content":[{"text":"hi"}]},"usage":{"inputTokens":3}}', '{"inputTokens":3}'],
    ['{ "usage_metadata" : {"a":{"b":1}} , "x":1}', '{"a":{"b":1}}'],
    ['{"usage":12,"usageMetadata":{"a":"}\\"{"}}', '{"a":"}\\"{"}'],
    ['{"generations":[[{"message":{"kwargs":{"usage_metadata":{"a":{"b":1}}}}}]]}', '{"a":{"b":1}}'],
  ])('finds it in %s', (text, usage) => expect(found(text)).toBe(usage))

  it.each([
    '',
    '{',
    '[{"usage":{"a":1}}]',
    '{"message":{"usage":{"a":1}}}',
    '{"text":"\\"usage\\":{\\"a\\":1}"}',
    '{"text":"usage","b":{"a":1}}',
    '{"text":"\\"usage_metadata\\":{\\"a\\":1}"}',
    '{"messages":[{"usage_metadata":{"a":1}},{"usage_metadata":{"a":2}}]}',
    '{"usage":{"a":1',
    '{"usage":[1]}',
    '}{"usage":{"a":1}}',
    `{"usage":{"a":"${'x'.repeat(USAGE_BYTES_MAX)}"}}`,
  ])('finds none in %s', (text) => expect(found(text)).toBeNull())

  it('gives what JSON says stands there, whatever else does', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.object(),
        fc.nat(2),
        (others, usage, indent) => {
          const { usage: _, usage_metadata: __, usageMetadata: ___, ...rest } = others
          const object = { ...rest, usage }
          const text = JSON.stringify(object, null, indent)
          fc.pre(Buffer.byteLength(text) < USAGE_BYTES_MAX)
          expect(JSON.parse(found(text) ?? 'null')).toEqual(JSON.parse(JSON.stringify(usage)))
        },
      ),
    )
  })

  it('takes time in line with the bytes, whatever they are', () => {
    for (const hostile of ['"\\', '\\"', '"', '{', '{"usage":', '"usage"']) {
      const bytes = Buffer.from(`{${hostile.repeat(2_000_000 / hostile.length)}`)
      const from = process.cpuUsage()
      expect(usageInside(bytes, 0, bytes.length)).toBeNull()
      // What others do on the machine is not counted.
      expect(process.cpuUsage(from).user / 1000).toBeLessThan(2_000)
    }
  })
})

describe('a key with usage inside', () => {
  const keys = compileKeys(['kept'], ['counted'], ['contents'])
  const usage = '{"inputTokens":7}'
  const contents = JSON.stringify({ message: 'x'.repeat(20_000), usage: JSON.parse(usage) })
  const request: RequestLiteral = {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'contents', value: { stringValue: contents } }] },
        scopeSpans: [
          {
            spans: [
              spanWith({ contents: { stringValue: contents }, kept: { stringValue: 'yes' } }),
              spanWith({
                [usageInsideKey('contents')]: { stringValue: '{"inputTokens":1}' },
                contents: { intValue: '5' },
              }),
            ],
          },
        ],
      },
    ],
  }
  const decoded = [
    ['JSON', decodeJson(jsonOfRequest(request), keys)],
    [
      'protobuf',
      decodeProtobuf(
        ExportTraceServiceRequest.encode(ExportTraceServiceRequest.fromObject(request)).finish(),
        keys,
      ),
    ],
  ] as const

  it.each(decoded)('leaves the usage object and nothing else, in %s', (_, batch) => {
    const first = batch.span(0)
    expect(first.attribute(usageInsideKey('contents'))).toBe(usage)
    expect([first.attribute('contents'), first.attribute('kept')]).toEqual([undefined, 'yes'])
    expect(first.resource(usageInsideKey('contents'))).toBeUndefined()
  })

  it.each(decoded)('cannot be set by a sender, in %s', (_, batch) => {
    expect(batch.span(1).attribute(usageInsideKey('contents'))).toBeUndefined()
  })
})

function spanWith(attributes: Readonly<Record<string, ValueLiteral>>) {
  return {
    traceId: new Uint8Array(16).fill(1),
    spanId: new Uint8Array(8).fill(2),
    parentSpanId: new Uint8Array(0),
    name: 'span',
    kind: 1,
    startTimeUnixNano: '1',
    endTimeUnixNano: '2',
    attributes: Object.entries(attributes).map(([key, value]) => ({ key, value })),
  }
}

import { describe, expect, it } from 'vitest'
import { ExportTraceServiceRequest } from '../../test/support/otlp-proto.ts'
import type { SpanBatch } from './batch.ts'
import { decodeJson } from './json.ts'
import { compileKeys, UNKNOWN_UNITS_KEY } from './keys.ts'
import { UNIT_BYTES_MAX, UNKNOWN_UNITS_MAX } from './limits.ts'
import { decodeProtobuf } from './protobuf.ts'

const keys = compileKeys(['aforo.usage.images', 'gen_ai.system'])

interface Attribute {
  readonly key: string
  readonly value: object
}

const stating = (...units: string[]): Attribute[] =>
  units.map((unit) => ({ key: `aforo.usage.${unit}`, value: { intValue: '3' } }))

function requestOf(
  traceId: unknown,
  spanId: unknown,
  attributes: Attribute[],
  resource: Attribute[],
): object {
  const span = { traceId, spanId, name: 'chat', attributes }
  return {
    resourceSpans: [
      { resource: { attributes: resource }, scopeSpans: [{ spans: [span, { ...span, attributes: [] }] }] },
    ],
  }
}

/** The first span, as both decoders read it. */
function decoded(attributes: Attribute[], resource: Attribute[] = []): readonly SpanBatch[] {
  const request = ExportTraceServiceRequest.fromObject(
    requestOf(Buffer.alloc(16, 1), Buffer.alloc(8, 2), attributes, resource),
  )
  const json = JSON.stringify(requestOf('1'.repeat(32), '2'.repeat(16), attributes, resource))
  return [
    decodeProtobuf(ExportTraceServiceRequest.encode(request).finish(), keys),
    decodeJson(Buffer.from(json), keys),
  ]
}

const told = (attributes: Attribute[], resource: Attribute[] = []) =>
  decoded(attributes, resource).map((batch) => batch.span(0).attribute(UNKNOWN_UNITS_KEY))

describe('usage of units that nobody knows', () => {
  it('is told by name, and harms nothing else of the span', () => {
    const known: Attribute = { key: 'gen_ai.system', value: { stringValue: 'openai' } }
    for (const batch of decoded([...stating('pages', 'images', 'maps', 'pages'), known])) {
      expect(batch.span(0).attribute(UNKNOWN_UNITS_KEY)).toBe('maps pages')
      expect(batch.span(0).attribute('aforo.usage.images')).toBe(3)
      expect(batch.span(0).attribute('gen_ai.system')).toBe('openai')
      // What one span states is not said of the next.
      expect(batch.span(1).attribute(UNKNOWN_UNITS_KEY)).toBeUndefined()
    }
  })

  it(`is told up to ${UNKNOWN_UNITS_MAX} names, then counted`, () => {
    const names = Array.from({ length: UNKNOWN_UNITS_MAX + 1 }, (_, i) => `unit_${i}`)
    const said = `${names.slice(0, UNKNOWN_UNITS_MAX).join(' ')} +1`
    expect(told(stating(...names))).toEqual([said, said])
  })

  it(`is told by ${UNIT_BYTES_MAX} bytes of the name, whatever they are`, () => {
    for (const letter of ['x', 'ä', '€', '𝄞']) {
      for (const before of ['', 'a', 'ab', 'abc']) {
        const [first, second] = told(stating(before + letter.repeat(UNIT_BYTES_MAX)))
        expect(first).toBe(second)
        expect(Buffer.byteLength(first as string)).toBeLessThanOrEqual(UNIT_BYTES_MAX + 2)
      }
    }
    expect(told(stating(`${'x'.repeat(UNIT_BYTES_MAX)}y`))).toEqual(Array(2).fill('x'.repeat(UNIT_BYTES_MAX)))
  })

  it('is not told of what is no usage, of a resource, or because a sender says so', () => {
    const others = ['aforo.usage', 'aforo.usagex.a', 'aforo.cost', 'afor', 'aforo.use.age.a'].map((key) => ({
      key,
      value: { intValue: '3' },
    }))
    const forged: Attribute = { key: UNKNOWN_UNITS_KEY, value: { stringValue: 'x' } }
    expect(told([...others, forged], stating('pages'))).toEqual([undefined, undefined])
  })
})

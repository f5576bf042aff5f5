import assert from 'node:assert/strict'
import { type AttributeValue, SPAN_KINDS, type Span } from '../core/span.ts'
import { compileKeys } from '../receiver/decode/keys.ts'
import { decodeProtobuf } from '../receiver/decode/protobuf.ts'
import { COUNTED_KEYS, KEYS } from '../receiver/dialects/keys.ts'
import { decodeBatches, PAYLOADS } from './decode-candidates.ts'
import {
  type PlacedSpan,
  type ReferenceAttribute,
  referenceSpans,
  staticDecoder,
} from './protobufjs-static.ts'

/** Everything that is kept of a span, as a plain object to compare. */
type Kept = Readonly<Record<string, unknown>>

/** Both decoders must tell the same of every span before either is timed. */
export async function verifyEqual(): Promise<void> {
  const decode = await staticDecoder()
  const keys = compileKeys(KEYS, COUNTED_KEYS)
  for (const body of PAYLOADS.flatMap(decodeBatches)) {
    const batch = decodeProtobuf(body, keys)
    const expected = referenceSpans(decode(body)).map(spanOfReference)
    const spans = Array.from({ length: batch.length }, (_, i) => spanOfView(batch.span(i)))
    assert.deepEqual(spans, expected)
  }
}

function spanOfView(span: Span): Kept {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    name: span.name,
    kind: span.kind,
    failed: span.failed,
    start: span.startNano.toString(),
    end: span.endNano.toString(),
    scope: [span.scopeName, span.scopeVersion],
    attributes: KEYS.map((key) => span.attribute(key)),
    resource: KEYS.map((key) => span.resource(key)),
    reasoningParts: span.attribute('aforo.reasoning_parts') ?? 0,
  }
}

function spanOfReference({ span, scope, resource }: PlacedSpan): Kept {
  const own = new Map(span.attributes.map((attribute) => [attribute.key, attribute]))
  const around = new Map(resource.map((attribute) => [attribute.key, attribute]))
  const contents = COUNTED_KEYS.map((key) => own.get(key)?.value?.stringValue ?? '').join()
  return {
    traceId: Buffer.from(span.traceId).toString('hex'),
    spanId: Buffer.from(span.spanId).toString('hex'),
    parentSpanId: Buffer.from(span.parentSpanId).toString('hex'),
    name: span.name,
    kind: SPAN_KINDS[span.kind],
    failed: span.status?.code === 2,
    start: span.startTimeUnixNano.toString(),
    end: span.endTimeUnixNano.toString(),
    scope: [scope.name, scope.version],
    attributes: KEYS.map((key) => valueOfAttribute(own.get(key))),
    resource: KEYS.map((key) => valueOfAttribute(around.get(key))),
    reasoningParts: contents.split(/"type":"(?:reasoning|thinking)"/).length - 1,
  }
}

function valueOfAttribute(attribute: ReferenceAttribute | undefined): AttributeValue | undefined {
  const value = attribute?.value
  if (value === undefined) return undefined
  if (Object.hasOwn(value, 'intValue')) return Number(value.intValue?.toString())
  if (Object.hasOwn(value, 'boolValue')) return value.boolValue
  if (Object.hasOwn(value, 'doubleValue')) return value.doubleValue
  return value.stringValue
}

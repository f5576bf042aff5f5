import { type AttributeValue, SPAN_KINDS } from '../../core/span.ts'
import type { SpanBatch } from '../../receiver/decode/batch.ts'
import { ExportTraceServiceRequest } from './otlp-proto.ts'
import {
  type AttributeLiteral,
  COUNTED,
  type RequestLiteral,
  type SpanLiteral,
  WANTED,
} from './otlp-requests.ts'

/** All that a decoder keeps of a span, as a plain object to compare. */
export type Kept = Readonly<Record<string, unknown>>

export function keptOfBatch(batch: SpanBatch, wanted: readonly string[] = WANTED): Kept[] {
  return Array.from({ length: batch.length }, (_, i) => {
    const span = batch.span(i)
    return {
      traceId: span.traceId,
      spanId: span.spanId,
      parentSpanId: span.parentSpanId,
      name: span.name,
      kind: span.kind,
      failed: span.failed,
      failureStatus: span.failureStatus,
      startNano: span.startNano,
      endNano: span.endNano,
      scope: [span.scopeName, span.scopeVersion],
      attributes: wanted.map((key) => span.attribute(key)),
      resource: wanted.map((key) => span.resource(key)),
      reasoningParts: span.attribute('aforo.reasoning_parts'),
    }
  })
}

/** The same by the reference decoder, of the spans whose ids are sound. */
export function keptByReference(body: Uint8Array, wanted: readonly string[] = WANTED): Kept[] {
  const decoded = ExportTraceServiceRequest.decode(body)
  const request = ExportTraceServiceRequest.toObject(decoded, {
    longs: String,
    defaults: true,
  }) as RequestLiteral
  return request.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.filter(isSound).map((span) => ({
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        parentSpanId: isZero(span.parentSpanId) ? '' : hex(span.parentSpanId),
        name: clean(span.name),
        kind: SPAN_KINDS[span.kind] ?? 'unspecified',
        failed: span.status?.code === 2,
        failureStatus: failureStatus(span.status?.message ?? '') ?? exceptionStatus(span),
        startNano: BigInt(span.startTimeUnixNano),
        endNano: BigInt(span.endTimeUnixNano),
        scope: [clean(scope?.name ?? ''), clean(scope?.version ?? '')],
        attributes: wanted.map((key) => lastKept(span.attributes, key)),
        resource: wanted.map((key) => lastKept(resource?.attributes ?? [], key)),
        reasoningParts: reasoningParts(span.attributes),
      })),
    ),
  )
}

/** Whether a span can be taken. */
export function isSound(span: SpanLiteral): boolean {
  const soundParent = span.parentSpanId.length === 0 || span.parentSpanId.length === 8
  return isId(span.traceId, 16) && isId(span.spanId, 8) && soundParent
}

const AWS: Readonly<Record<string, number>> = {
  AccessDenied: 403,
  ExpiredToken: 403,
  InternalServer: 500,
  ModelNotReady: 429,
  ModelTimeout: 408,
  ResourceNotFound: 404,
  ServiceQuotaExceeded: 400,
  ServiceUnavailable: 503,
  Throttling: 429,
  UnrecognizedClient: 403,
  Validation: 400,
}
const NUMBER = String.raw`(?:^|(?<=Error: |code: |Status |\[|An error occurred \())([45]\d\d)(?!\.?\d|[A-Za-z])`
const NAME = `(?<=An error occurred \\()(${Object.keys(AWS).join('|')})Exception\\)`

/** As decoders find it, by a pattern. */
export function failureStatus(message: string): number | null {
  const text = Buffer.from(message).toString('latin1')
  const found = new RegExp(`${NUMBER}|${NAME}`).exec(text)
  if (found === null) return null
  const [, number, name] = found
  if (found.index + (number === undefined ? 2 : 3) > 320) return null
  return number === undefined ? AWS[name!]! : Number(number)
}

/** Of a span that failed, what the last exception among its events says. */
function exceptionStatus({ status, events = [] }: SpanLiteral): number | null {
  if (status?.code !== 2) return null
  const exception = events.findLast(({ name }) => name === 'exception')
  const message = exception?.attributes.findLast(({ key }) => key === 'exception.message')
  const value = message?.value
  return value && 'stringValue' in value ? failureStatus(value.stringValue as string) : null
}

function isId(bytes: Uint8Array, length: number): boolean {
  return bytes.length === length && !isZero(bytes)
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function clean(text: string): string {
  return text.replaceAll('\0', '\ufffd')
}

function lastKept(attributes: readonly AttributeLiteral[], key: string): AttributeValue | undefined {
  const values = attributes.filter((attribute) => attribute.key === key).map(keptValue)
  return values.findLast((value) => value !== undefined)
}

function keptValue({ value }: AttributeLiteral): AttributeValue | undefined {
  if (value === null || value === undefined) return undefined
  if ('stringValue' in value) return clean(value.stringValue as string)
  if ('boolValue' in value) return value.boolValue as boolean
  if ('doubleValue' in value) return value.doubleValue as number
  if (!('intValue' in value)) return undefined
  const number = Number(value.intValue)
  return Number.isSafeInteger(number) ? number : (value.intValue as string)
}

function reasoningParts(attributes: readonly AttributeLiteral[]): number | undefined {
  const texts = attributes
    .filter(({ key }) => COUNTED.includes(key))
    .map(({ value }) => (value !== null && 'stringValue' in value ? (value.stringValue as string) : ''))
  const parts = texts.flatMap((text) => text.match(/"type": ?"(?:reasoning|thinking)"/g) ?? [])
  return parts.length === 0 ? undefined : parts.length
}

import type { AttributeValue, Span, SpanKind } from '../../core/span.ts'
import type { Usage } from '../../core/usage.ts'
import { DEFAULT_ATTRIBUTION } from '../../receiver/dialects/attribution.ts'
import { toUsage } from '../../receiver/dialects/normalise.ts'

/** 2026-11-23T12:00:00Z, the instant at which traces of tests begin. */
export const SPAN_TEST_START = 1_795_435_200_000_000_000n

export type Attributes = Readonly<Record<string, AttributeValue>>

/** A span as a test writes it down. Everything but the id has a default. Times are milliseconds after the start. */
export interface SpanWords {
  readonly id: number
  readonly parent?: number
  readonly trace?: number
  readonly name?: string
  readonly kind?: SpanKind
  readonly failed?: boolean
  readonly failureStatus?: number
  readonly from?: number
  readonly to?: number
  readonly scope?: string
  readonly version?: string
  readonly attributes?: Attributes
  readonly resource?: Attributes
}

/** The span those words mean, as a decoder would give it. */
export function span(words: SpanWords): Span {
  const { attributes = {}, resource = { 'service.name': 'test-app' } } = words
  return {
    traceId: hex(words.trace ?? 1, 32),
    spanId: spanId(words.id),
    parentSpanId: words.parent === undefined ? '' : spanId(words.parent),
    name: words.name ?? 'span',
    kind: words.kind ?? 'internal',
    failed: words.failed ?? false,
    failureStatus: words.failureStatus ?? null,
    startNano: SPAN_TEST_START + millis(words.from ?? 0),
    endNano: SPAN_TEST_START + millis(words.to ?? 1000),
    scopeName: words.scope ?? 'test-scope',
    scopeVersion: words.version ?? '',
    attribute: (key) => (Object.hasOwn(attributes, key) ? attributes[key] : undefined),
    nextOf: (keys, from) => keys.findIndex((key, at) => at >= from && Object.hasOwn(attributes, key)),
    resource: (key) => (Object.hasOwn(resource, key) ? resource[key] : undefined),
  }
}

/** The journal row of that span, with the default attribution. */
export function usage(words: SpanWords): Usage {
  return toUsage(span(words), DEFAULT_ATTRIBUTION)
}

/** A model call in OpenTelemetry's words, with further attributes if wanted. */
export function chat(words: SpanWords, input: number, output: number): SpanWords {
  return {
    name: 'chat gpt-4o',
    kind: 'client',
    ...words,
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.usage.input_tokens': input,
      'gen_ai.usage.output_tokens': output,
      ...words.attributes,
    },
  }
}

export function spanId(id: number): string {
  return hex(id, 16)
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0')
}

function millis(count: number): bigint {
  return BigInt(Math.round(count * 1_000_000))
}

import type { SpanId, TraceId } from './ids.ts'
import type { UnixNano } from './time.ts'

/** A decoded attribute. Integers above 2^53 stay decimal text; arrays, maps and bytes are never decoded. */
export type AttributeValue = string | number | boolean

/** OTLP span kinds by their wire number. */
export const SPAN_KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const
export type SpanKind = (typeof SPAN_KINDS)[number]

/**
 * One span as the decoders give it: identity, shape, and those attributes that some dialect reads. Attributes that
 * carry message contents are not here: the decoder walks over them.
 *
 * A decoder may hand out one object again and again with other contents, so a reader keeps values, not the span.
 */
export interface Span {
  readonly traceId: TraceId
  readonly spanId: SpanId
  /** Empty where the span is a root. */
  readonly parentSpanId: SpanId
  readonly name: string
  readonly kind: SpanKind
  /** OTLP status code 2. */
  readonly failed: boolean
  /**
   * The HTTP status that the text of its status names: 400 to 599, or 200 where an answer came that could not be used;
   * else null. The text is not kept.
   */
  readonly failureStatus: number | null
  readonly startNano: UnixNano
  readonly endNano: UnixNano
  readonly scopeName: string
  readonly scopeVersion: string
  /** Value of a known attribute of the span. */
  attribute(key: string): AttributeValue | undefined
  /**
   * Place of the first of these keys, at `from` or behind it, of which the span has an attribute; -1 where it has none. For
   * lists that every span is asked for and that live on: what is worked out for one is remembered.
   */
  nextOf(keys: readonly string[], from: number): number
  /** Value of a known attribute of the span's resource. */
  resource(key: string): AttributeValue | undefined
}

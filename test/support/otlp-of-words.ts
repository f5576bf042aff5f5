import { type AttributeValue, SPAN_KINDS } from '../../core/span.ts'
import { type Attributes, type SpanWords, span } from './spans.ts'

/** An OTLP/JSON export request of those spans, each under a resource and scope of its own. */
export function requestOf(words: readonly SpanWords[]): object {
  return {
    resourceSpans: words.map((each) => {
      const told = span(each)
      return {
        resource: { attributes: attributesOf(each.resource ?? { 'service.name': 'test-app' }) },
        scopeSpans: [
          {
            scope: { name: told.scopeName, version: told.scopeVersion },
            spans: [
              {
                traceId: told.traceId,
                spanId: told.spanId,
                parentSpanId: told.parentSpanId,
                name: told.name,
                kind: SPAN_KINDS.indexOf(told.kind),
                startTimeUnixNano: String(told.startNano),
                endTimeUnixNano: String(told.endNano),
                status: {
                  code: told.failed ? 2 : 0,
                  ...(told.failureStatus !== null && { message: `${told.failureStatus} status code` }),
                },
                attributes: attributesOf(each.attributes ?? {}),
              },
            ],
          },
        ],
      }
    }),
  }
}

function attributesOf(attributes: Attributes): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }))
}

function anyValue(value: AttributeValue): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}

import type { Context } from '@opentelemetry/api'
import type { Span, SpanProcessor } from '@opentelemetry/sdk-trace'
import { fromBaggage, toAttributes } from './attribution.ts'
import { noteStart } from './trace-start.ts'

/**
 * Copies the attribution in the baggage onto every span as it starts, also onto spans of libraries that know nothing
 * of it. Instrumentations that put each model call into a trace of its own lose no customer this way. It notes when traces began,
 * too: a guard holds of the month of that.
 */
export class AttributionProcessor implements SpanProcessor {
  onStart(span: Span, parentContext: Context): void {
    span.setAttributes(toAttributes(fromBaggage(parentContext)))
    noteStart(span, parentContext)
  }

  onEnd(): void {}

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

import { type Context, type Span, trace } from '@opentelemetry/api'

/** Of spans when the first one of their trace in this process began: milliseconds since 1970. */
const starts = new WeakMap<Span, number>()

/** Notes of a span that begins where its trace did. */
export function noteStart(span: Span, parentContext: Context): void {
  const parent = trace.getSpan(parentContext)
  const isOfParent = parent?.spanContext().traceId === span.spanContext().traceId
  const startedAt = (isOfParent ? startOf(parent!) : undefined) ?? startOf(span)
  if (startedAt !== undefined) starts.set(span, startedAt)
}

/**
 * When the trace of what runs here began, as far as this process knows: RFC 3339. Its usage goes to the month of that. Without
 * the AttributionProcessor it is the start of the span around; without a span nobody knows, and the trace begins with the call.
 */
export function traceStart(within: Context): string | undefined {
  const span = trace.getSpan(within)
  const startedAt = span && startOf(span)
  return startedAt === undefined ? undefined : new Date(startedAt).toISOString()
}

function startOf(span: Span): number | undefined {
  return starts.get(span) ?? ownStart(span)
}

/** Spans of the SDK tell it; one of another process, or that is not recorded, does not. */
function ownStart(span: Span): number | undefined {
  const { startTime } = span as { startTime?: unknown }
  if (!Array.isArray(startTime)) return undefined
  const [seconds, nanos] = startTime as number[]
  const millis = seconds! * 1_000 + Math.floor(nanos! / 1_000_000)
  return Number.isFinite(millis) ? millis : undefined
}

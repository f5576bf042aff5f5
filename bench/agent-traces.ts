import { ExportTraceServiceRequest } from '../test/support/otlp-proto.ts'
import { agentSpan, chatSpan, type SpanLiteral, type Trace, toolSpan } from './batch-spans.ts'
import { Dice } from './dice.ts'

/** Spans of one trace of {@link agentTraces}. */
export const SPANS_PER_AGENT_TRACE = 6

export interface TraceShape {
  readonly traces: number
  /** Differs for every batch: ids are drawn from it. */
  readonly seed: number
  readonly customers: number
  /** End of the traces, ms since 1970. */
  readonly endMs: number
}

/** Whole traces as agents make them: a root `invoke_agent`, three model calls and two tools under it. All GenAI. */
export function agentTraces(shape: TraceShape): Uint8Array {
  const dice = new Dice(shape.seed)
  const spans: SpanLiteral[] = []
  for (let i = 0; i < shape.traces; i++) spans.push(...agentTrace(dice, shape))
  const scopeSpans = [{ scope: { name: 'pydantic-ai', version: '1.9.1' }, spans }]
  return ExportTraceServiceRequest.encode(
    ExportTraceServiceRequest.fromObject({ resourceSpans: [{ resource: { attributes: [] }, scopeSpans }] }),
  ).finish()
}

/** Models that the price book knows, with their providers. */
const PRICED = [
  ['openai', 'gpt-4o-mini'],
  ['anthropic', 'claude-sonnet-4-5'],
  ['openai', 'gpt-5-mini'],
] as const

/** A model call of a model that has a price. */
function pricedCall(dice: Dice, trace: Trace): SpanLiteral {
  const [provider, model] = dice.pick(PRICED)
  const call = chatSpan(dice, trace, false)
  const stated: Record<string, string> = {
    'gen_ai.provider.name': provider,
    'gen_ai.system': provider,
    'gen_ai.request.model': model,
    'gen_ai.response.model': model,
  }
  const attributes = (call.attributes as { key: string }[]).map((attribute) =>
    stated[attribute.key] ? { key: attribute.key, value: { stringValue: stated[attribute.key] } } : attribute,
  )
  return { ...call, attributes }
}

function agentTrace(dice: Dice, shape: TraceShape): SpanLiteral[] {
  const trace: Trace = {
    id: dice.bytes(16),
    session: `session_${dice.hex(8)}`,
    user: `user_${dice.under(500)}`,
    customer: `customer_${dice.under(shape.customers)}`,
  }
  const root = {
    ...agentSpan(dice, trace),
    parentSpanId: new Uint8Array(0),
    ...during(shape.endMs, 0, 9_000),
  }
  const { spanId: parentSpanId } = root as SpanLiteral
  const inner = [
    { ...pricedCall(dice, trace), ...during(shape.endMs, 500, 1_500) },
    { ...toolSpan(dice, trace, false), ...during(shape.endMs, 1_600, 2_000) },
    { ...pricedCall(dice, trace), ...during(shape.endMs, 2_100, 4_000) },
    { ...toolSpan(dice, trace, false), ...during(shape.endMs, 4_100, 5_000) },
    { ...pricedCall(dice, trace), ...during(shape.endMs, 5_100, 8_900) },
  ]
  return [...inner.map((span) => ({ ...span, parentSpanId })), root]
}

/** A time within the nine seconds before the end. */
function during(endMs: number, fromMs: number, toMs: number): SpanLiteral {
  return {
    startTimeUnixNano: `${endMs - 9_000 + fromMs}000000`,
    endTimeUnixNano: `${endMs - 9_000 + toMs}000000`,
  }
}

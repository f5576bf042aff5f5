import { ExportTraceServiceRequest } from '../test/support/otlp-proto.ts'
import {
  agentSpan,
  chatSpan,
  databaseSpan,
  httpSpan,
  type SpanLiteral,
  type Trace,
  toolSpan,
} from './batch-spans.ts'
import { attributes, Dice } from './dice.ts'

const SPANS_PER_TRACE = 20

export interface BatchShape {
  readonly spans: number
  /** Whether prompts, answers and tool arguments are on the spans. */
  readonly contents: boolean
  readonly seed: number
}

/**
 * An ExportTraceServiceRequest as a busy agent service exports it: 48 % GenAI spans (model calls, tools, agents), the
 * rest HTTP and database spans with some exception events; one resource, four scopes. The same shape gives the same
 * bytes. About 700 bytes per span, 3,200 with contents.
 */
export function genAiBatch(shape: BatchShape): Uint8Array {
  const dice = new Dice(shape.seed)
  const scopes: { name: string; version: string; spans: SpanLiteral[] }[] = [
    { name: '@opentelemetry/instrumentation-openai', version: '0.22.0', spans: [] },
    { name: 'pydantic-ai', version: '1.9.1', spans: [] },
    { name: '@opentelemetry/instrumentation-http', version: '0.205.0', spans: [] },
    { name: '@opentelemetry/instrumentation-pg', version: '0.60.0', spans: [] },
  ]
  let trace = newTrace(dice)
  for (let i = 0; i < shape.spans; i++) {
    if (i % SPANS_PER_TRACE === 0) trace = newTrace(dice)
    const draw = dice.fraction()
    const genAi = dice.under(2)
    if (draw < 0.29) scopes[genAi]!.spans.push(chatSpan(dice, trace, shape.contents))
    else if (draw < 0.41) scopes[genAi]!.spans.push(toolSpan(dice, trace, shape.contents))
    else if (draw < 0.48) scopes[genAi]!.spans.push(agentSpan(dice, trace))
    else if (draw < 0.76) scopes[2]!.spans.push(httpSpan(dice, trace))
    else scopes[3]!.spans.push(databaseSpan(dice, trace))
  }
  const scopeSpans = scopes.map(({ name, version, spans }) => ({ scope: { name, version }, spans }))
  const request = { resourceSpans: [{ resource: { attributes: attributes(RESOURCE) }, scopeSpans }] }
  return ExportTraceServiceRequest.encode(ExportTraceServiceRequest.fromObject(request)).finish()
}

function newTrace(dice: Dice): Trace {
  return {
    id: dice.bytes(16),
    session: `session_${dice.hex(8)}`,
    user: `user_${dice.under(500)}`,
    customer: `customer_${dice.under(200)}`,
  }
}

const RESOURCE = {
  'service.name': 'support-agent',
  'service.version': '4.12.0',
  'service.instance.id': '7f0a1f4e-7b0e-4d67-9d3b-1c1de4a3b1c0',
  'deployment.environment.name': 'production',
  'cloud.region': 'eu-central-1',
  'host.name': 'ip-10-2-31-7.internal',
  'process.runtime.name': 'nodejs',
  'process.runtime.version': '24.21.0',
  'telemetry.sdk.language': 'nodejs',
  'telemetry.sdk.version': '2.3.0',
}

import { type AttributeLiteral, attributes, type Dice } from './dice.ts'

/** A span for protobufjs' fromObject. */
export interface SpanLiteral {
  readonly [field: string]: unknown
}

/** What the spans of one trace have in common. */
export interface Trace {
  readonly id: Uint8Array
  readonly session: string
  readonly user: string
  readonly customer: string
}

const MODELS = ['gpt-5.2', 'gpt-5.2-mini', 'claude-sonnet-4-5', 'claude-opus-4-6', 'gemini-3-pro'] as const
const TOOLS = ['db.query', 'api.fetch', 'cache.get', 'search.web', 'orders.lookup'] as const
const ROUTES = ['/v1/orders/:id', '/v1/chat', '/v1/customers/:id', '/healthz'] as const
const TABLES = ['orders', 'customers', 'sessions', 'invoices'] as const
const START_MILLIS = 1_790_000_000_000
const INTERNAL = 1
const SERVER = 2
const CLIENT = 3

/** A model call: 25 attributes, 28 with contents. */
export function chatSpan(dice: Dice, trace: Trace, contents: boolean): SpanLiteral {
  const model = dice.pick(MODELS)
  const input = dice.between(200, 9_000)
  const thinks = dice.fraction() < 0.4
  return span(dice, trace, `chat ${model}`, CLIENT, {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai',
    'gen_ai.system': 'openai',
    'gen_ai.request.model': model,
    'gen_ai.response.model': `${model}-2026-08-01`,
    'gen_ai.response.id': `chatcmpl-${dice.hex(24)}`,
    'gen_ai.response.finish_reasons': ['stop'],
    'gen_ai.request.temperature': 0.7,
    'gen_ai.request.top_p': 0.95,
    'gen_ai.request.max_tokens': 4_096,
    'gen_ai.request.seed': dice.under(1_000_000),
    'gen_ai.request.choice.count': 1,
    'gen_ai.output.type': 'text',
    'gen_ai.usage.input_tokens': input,
    'gen_ai.usage.output_tokens': dice.between(20, 2_000),
    'gen_ai.usage.cache_read.input_tokens': dice.under(input),
    'gen_ai.usage.reasoning.output_tokens': thinks ? dice.between(10, 900) : 0,
    'gen_ai.conversation.id': trace.session,
    'gen_ai.agent.name': 'triage',
    'server.address': 'api.openai.com',
    'server.port': 443,
    'openai.response.service_tier': 'default',
    'openai.response.system_fingerprint': `fp_${dice.hex(10)}`,
    'user.id': trace.user,
    'aforo.customer.id': trace.customer,
    ...(contents ? chatContents(dice, thinks) : {}),
  })
}

/** A tool execution. */
export function toolSpan(dice: Dice, trace: Trace, contents: boolean): SpanLiteral {
  const tool = dice.pick(TOOLS)
  return span(dice, trace, `execute_tool ${tool}`, INTERNAL, {
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': tool,
    'gen_ai.tool.type': 'function',
    'gen_ai.tool.call.id': `call_${dice.hex(24)}`,
    'gen_ai.tool.description': 'Looks up what the customer asked for.',
    'gen_ai.conversation.id': trace.session,
    'gen_ai.agent.name': 'triage',
    'code.function.name': 'runTool',
    ...(contents
      ? {
          'gen_ai.tool.call.arguments': JSON.stringify({ question: dice.prose(dice.between(60, 400)) }),
          'gen_ai.tool.call.result': JSON.stringify({ answer: dice.prose(dice.between(200, 2_000)) }),
        }
      : {}),
  })
}

/** An agent's run, which repeats the usage of its calls. */
export function agentSpan(dice: Dice, trace: Trace): SpanLiteral {
  return span(dice, trace, 'invoke_agent triage', INTERNAL, {
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.provider.name': 'openai',
    'gen_ai.agent.name': 'triage',
    'gen_ai.agent.id': `agent_${dice.hex(12)}`,
    'gen_ai.conversation.id': trace.session,
    'gen_ai.request.model': dice.pick(MODELS),
    'gen_ai.usage.input_tokens': dice.between(2_000, 40_000),
    'gen_ai.usage.output_tokens': dice.between(200, 9_000),
    'aforo.customer.id': trace.customer,
  })
}

/** An HTTP request served or made, 13 attributes; one in twelve fails with an exception event. */
export function httpSpan(dice: Dice, trace: Trace): SpanLiteral {
  const fails = dice.fraction() < 0.08
  const route = dice.pick(ROUTES)
  return {
    ...span(dice, trace, `GET ${route}`, dice.pick([SERVER, CLIENT]), {
      'http.request.method': 'GET',
      'http.response.status_code': fails ? 503 : 200,
      'http.route': route,
      'url.scheme': 'https',
      'url.path': route.replace(':id', String(dice.under(100_000))),
      'url.full': `https://shop.example.com${route}?page=${dice.under(100)}`,
      'server.address': 'shop.example.com',
      'server.port': 443,
      'network.peer.address': `10.2.${dice.under(256)}.${dice.under(256)}`,
      'network.peer.port': dice.between(1_024, 65_535),
      'network.protocol.version': '1.1',
      'user_agent.original':
        'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0',
      'client.address': `84.17.${dice.under(256)}.${dice.under(256)}`,
    }),
    ...(fails ? { events: [exception(dice)], status: { code: 2, message: 'upstream unavailable' } } : {}),
  }
}

/** A database query, 9 attributes. */
export function databaseSpan(dice: Dice, trace: Trace): SpanLiteral {
  const table = dice.pick(TABLES)
  return span(dice, trace, `SELECT shop.${table}`, CLIENT, {
    'db.system.name': 'postgresql',
    'db.namespace': 'shop',
    'db.operation.name': 'SELECT',
    'db.collection.name': table,
    'db.query.text': `select id, status, total, created_at from ${table} where customer_id = $1 order by id limit 50`,
    'db.response.returned_rows': dice.under(50),
    'server.address': 'db.internal',
    'server.port': 5_432,
    'network.transport': 'tcp',
  })
}

function chatContents(dice: Dice, thinks: boolean): Record<string, AttributeLiteral> {
  const answer = { type: 'text', content: dice.prose(dice.between(1_000, 4_000)) }
  const thought = { type: 'reasoning', content: dice.prose(dice.between(200, 900)) }
  const question = { type: 'text', content: dice.prose(dice.between(1_000, 8_000)) }
  const parts = thinks ? [thought, answer] : [answer]
  return {
    'gen_ai.system_instructions': JSON.stringify([{ type: 'text', content: dice.prose(400) }]),
    'gen_ai.input.messages': JSON.stringify([{ role: 'user', parts: [question] }]),
    'gen_ai.output.messages': JSON.stringify([{ role: 'assistant', parts, finish_reason: 'stop' }]),
  }
}

function exception(dice: Dice): object {
  return {
    timeUnixNano: nano(dice),
    name: 'exception',
    attributes: attributes({
      'exception.type': 'FetchError',
      'exception.message': 'request failed with status 503',
      'exception.stacktrace': `FetchError: request failed\n${'    at fetch (file:///app/dist/http.js:41:13)\n'.repeat(8)}`,
    }),
  }
}

function span(
  dice: Dice,
  trace: Trace,
  name: string,
  kind: number,
  literal: Record<string, AttributeLiteral>,
): SpanLiteral {
  return {
    traceId: trace.id,
    spanId: dice.bytes(8),
    parentSpanId: dice.bytes(8),
    flags: 0x101,
    name,
    kind,
    startTimeUnixNano: nano(dice),
    endTimeUnixNano: nano(dice),
    attributes: attributes(literal),
    status: {},
  }
}

function nano(dice: Dice): string {
  return `${START_MILLIS + dice.under(3_600_000)}${String(dice.under(1_000_000)).padStart(6, '0')}`
}

import { describe, expect, it } from 'vitest'
import { inputTokens, outputTokens } from '../../core/usage.ts'
import { type Attributes, chat, type SpanWords, span, usage } from '../../test/support/spans.ts'
import { isRefused } from './failures.ts'
import { isWorthKeeping } from './worth.ts'

const CLAUDE: Attributes = { 'gen_ai.request.model': 'claude-sonnet-4-5', 'gen_ai.operation.name': 'chat' }

function totals(words: SpanWords): readonly number[] {
  const { buckets } = usage(words)
  return [
    inputTokens(buckets),
    buckets.cacheRead,
    buckets.cacheWrite,
    outputTokens(buckets),
    buckets.outputReasoning,
  ]
}

describe('one call, 599 fresh, 1152 read, 256 written, 23 out, in every dialect', () => {
  const cached = { 'gen_ai.usage.cache_read.input_tokens': 1152, 'gen_ai.usage.output_tokens': 23 }
  const dialects: readonly [string, SpanWords][] = [
    [
      'today',
      {
        id: 1,
        attributes: {
          ...CLAUDE,
          ...cached,
          'gen_ai.usage.input_tokens': 2007,
          'gen_ai.usage.cache_write.input_tokens': 256,
        },
      },
    ],
    [
      '1.40',
      {
        id: 1,
        attributes: {
          ...CLAUDE,
          ...cached,
          'gen_ai.usage.input_tokens': 2007,
          'gen_ai.usage.cache_creation.input_tokens': 256,
        },
      },
    ],
    [
      'Sentry',
      {
        id: 1,
        attributes: {
          'sentry.op': 'gen_ai.chat',
          'gen_ai.request.model': 'claude-sonnet-4-5',
          'gen_ai.usage.input_tokens': '2007',
          'gen_ai.usage.input_tokens.cached': '1152',
          'gen_ai.usage.input_tokens.cache_write': 256,
          'gen_ai.usage.output_tokens': 23,
        },
      },
    ],
    [
      'Strands',
      {
        id: 1,
        scope: 'strands.telemetry.tracer',
        attributes: {
          'gen_ai.operation.name': 'chat',
          'gen_ai.request.model': 'us.anthropic.claude-sonnet-4-5',
          'gen_ai.usage.input_tokens': 599,
          'gen_ai.usage.prompt_tokens': 599,
          'gen_ai.usage.completion_tokens': 23,
          'gen_ai.usage.cache_read_input_tokens': 1152,
          'gen_ai.usage.cache_write_input_tokens': 256,
        },
      },
    ],
    [
      'Claude Code',
      {
        id: 1,
        name: 'claude_code.llm_request',
        scope: 'com.anthropic.claude_code.tracing',
        attributes: {
          model: 'claude-sonnet-4-5',
          input_tokens: 599,
          output_tokens: 23,
          cache_read_tokens: 1152,
          cache_creation_tokens: 256,
        },
      },
    ],
    [
      'OpenInference',
      {
        id: 1,
        scope: 'openinference.instrumentation.anthropic',
        attributes: {
          'openinference.span.kind': 'LLM',
          'llm.model_name': 'claude-sonnet-4-5',
          'llm.token_count.prompt': 2007,
          'llm.token_count.completion': 23,
          'llm.token_count.prompt_details.cache_read': 1152,
          'llm.token_count.prompt_details.cache_write': 256,
        },
      },
    ],
    [
      'AI SDK 5, write told by the provider alone',
      {
        id: 1,
        scope: 'ai',
        attributes: {
          'ai.operationId': 'ai.streamText.doStream',
          'ai.model.provider': 'anthropic.messages',
          'ai.usage.inputTokens': 599,
          'ai.usage.outputTokens': 23,
          'ai.usage.totalTokens': 622,
          'ai.usage.cachedInputTokens': 1152,
          'ai.response.providerMetadata': JSON.stringify({
            anthropic: {
              usage: { input_tokens: 599, cache_read_input_tokens: 1152, cache_creation_input_tokens: 256 },
            },
          }),
        },
      },
    ],
    [
      'AI SDK 6',
      {
        id: 1,
        scope: 'ai',
        attributes: {
          'ai.operationId': 'ai.generateText.doGenerate',
          'ai.usage.inputTokens': 2007,
          'ai.usage.inputTokenDetails.noCacheTokens': 599,
          'ai.usage.inputTokenDetails.cacheReadTokens': 1152,
          'ai.usage.inputTokenDetails.cacheWriteTokens': 256,
          'ai.usage.outputTokens': 23,
          'ai.usage.outputTokenDetails.textTokens': 23,
        },
      },
    ],
    [
      'Langfuse',
      {
        id: 1,
        scope: 'langfuse-sdk',
        attributes: {
          'langfuse.observation.type': 'generation',
          'langfuse.observation.usage_details': JSON.stringify({
            input: 599,
            cache_read_input_tokens: 1152,
            input_cache_creation: 256,
            output: 23,
            total: 2030,
          }),
        },
      },
    ],
  ]
  it.each(dialects)('%s', (_, words) => {
    expect(totals(words)).toEqual([2007, 1152, 256, 23, 0])
    expect(usage(words)).toMatchObject({ usageClass: 'call', metered: true, anomalies: [] })
  })
})

describe('bad numbers', () => {
  it('an embedding of NaN tokens is unmetered, and told', () => {
    const row = usage({
      id: 1,
      scope: 'ai',
      attributes: { 'ai.operationId': 'ai.embed.doEmbed', 'ai.usage.tokens': Number.NaN },
    })
    expect(row).toMatchObject({ usageClass: 'embed', metered: false })
    expect(row.anomalies).toEqual([{ kind: 'bad_number', spanId: row.spanId, reason: 'not_a_number' }])
  })

  it('a zero never beats a number in an older spelling', () => {
    expect(totals(chat({ id: 1, attributes: { 'gen_ai.usage.prompt_tokens': 314 } }, 0, 5))[0]).toBe(314)
  })

  it('two numbers for one quantity are told, and the first is taken', () => {
    const row = usage(chat({ id: 1, attributes: { 'gen_ai.usage.prompt_tokens': 90 } }, 100, 5))
    expect(inputTokens(row.buckets)).toBe(100)
    expect(row.anomalies.map(({ reason }) => reason)).toEqual(['alias_conflict'])
  })

  it('zeros on a call are no usage', () => {
    expect(usage(chat({ id: 1 }, 0, 0)).metered).toBe(false)
  })

  it('garbage in a JSON attribute is no usage', () => {
    for (const text of ['', '[]', 'null', '{"input":', '{"input":"many"}', `{"a":"${'x'.repeat(20_000)}"}`]) {
      const row = usage({
        id: 1,
        scope: 'langfuse-sdk',
        attributes: { 'langfuse.observation.type': 'generation', 'langfuse.observation.usage_details': text },
      })
      expect(row).toMatchObject({ usageClass: 'call', metered: false })
    }
  })
})

it('reads what LiteLLM prints as a Python dictionary, and knows its embeddings', () => {
  const printed =
    "{'prompt_tokens_details': {'cached_tokens': 3, 'text_tokens': None}, 'completion_tokens_details': None}"
  const words = chat({ id: 1, scope: 'litellm', name: 'litellm_request' }, 10, 5)
  const attributes = { ...words.attributes, 'metadata.usage_object': printed }
  expect(totals({ ...words, attributes })).toEqual([10, 3, 0, 5, 0])
  const embedding = { ...attributes, 'gen_ai.operation.name': 'embedding' }
  expect(usage({ ...words, attributes: embedding }).usageClass).toBe('embed')
})

describe('what is not consumption', () => {
  it.each<[string, SpanWords]>([
    [
      'a count of tokens',
      { id: 1, attributes: { 'openinference.span.kind': 'TOKEN_COUNTER', 'llm.token_count.prompt': 9 } },
    ],
    [
      'a raw copy',
      { id: 1, scope: 'litellm', name: 'raw_gen_ai_request', attributes: { 'gen_ai.usage.input_tokens': 9 } },
    ],
  ])('%s is ignored', (_, words) => {
    expect(usage(words)).toMatchObject({ usageClass: 'other', metered: false, anomalies: [] })
  })

  it("a server's view of a call is kept and told, its own API's is a call", () => {
    const server = usage(chat({ id: 1, kind: 'server' }, 10, 5))
    expect(server).toMatchObject({ usageClass: 'other', metered: true })
    expect(server.anomalies.map(({ reason }) => reason)).toEqual(['server_side'])
    expect(
      usage(chat({ id: 1, kind: 'server', scope: 'com.anthropic.claude-platform' }, 10, 5)).usageClass,
    ).toBe('call')
  })
})

describe('roles', () => {
  it.each<[string, SpanWords, object]>([
    [
      'a sum without operation',
      { id: 1, name: 'orchestrate_tools', attributes: { 'gen_ai.usage.input_tokens': 9 } },
      { usageClass: 'wrapper', agentBoundary: false },
    ],
    [
      'an old agent run',
      { id: 1, scope: 'pydantic-ai', name: 'agent run', attributes: { 'gen_ai.usage.input_tokens': 9 } },
      { usageClass: 'wrapper', agentBoundary: true },
    ],
    [
      'a plan',
      { id: 1, attributes: { 'gen_ai.operation.name': 'plan' } },
      { usageClass: 'wrapper', plan: true },
    ],
    [
      'a call of ADK without operation',
      {
        id: 1,
        scope: 'gcp.vertex.agent',
        name: 'call_llm',
        attributes: { 'gen_ai.system': 'gcp.vertex.agent' },
      },
      { usageClass: 'call', provider: null },
    ],
    [
      "the protocol's tool call",
      { id: 1, kind: 'server', attributes: { 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 'q' } },
      { usageClass: 'tool', toolName: 'q' },
    ],
    [
      'a model and usage, no operation',
      { id: 1, attributes: { 'gen_ai.request.model': 'm', 'gen_ai.usage.input_tokens': 9 } },
      { usageClass: 'call', dialect: 'otel-genai' },
    ],
    [
      'a model without usage or operation',
      { id: 1, attributes: { 'gen_ai.request.model': 'm' } },
      { usageClass: 'other', dialect: '' },
    ],
    [
      'tokens stated outright',
      { id: 1, attributes: { 'aforo.usage.input_tokens': 7 } },
      { usageClass: 'call', dialect: 'stated' },
    ],
    [
      'a database call',
      { id: 1, attributes: { 'db.system': 'postgresql' } },
      { usageClass: 'other', dialect: '' },
    ],
  ])('%s', (_, words, expected) => {
    expect(usage(words)).toMatchObject(expected)
  })

  it('the scope decides before the attributes of another vocabulary', () => {
    const row = usage({
      id: 1,
      scope: '@arizeai/openinference-instrumentation-langchain',
      attributes: { 'openinference.span.kind': 'CHAIN', 'gen_ai.operation.name': 'invoke_agent' },
    })
    expect(row).toMatchObject({ dialect: 'openinference', usageClass: 'wrapper', agentBoundary: false })
  })
})

describe('attribution and terms', () => {
  it("reads Aforo's own attributes from the span or its resource, and the fallbacks beside them", () => {
    const row = usage({
      id: 1,
      attributes: { 'aforo.session.id': 's1', 'user.id': 'u1', 'gen_ai.conversation.id': 'c1' },
      resource: { 'aforo.customer.id': 'acme', 'service.name': 'bot', 'cloud.region': 'eu-west-1' },
    })
    expect(row).toMatchObject({
      customer: 'acme',
      customerFallback: 'u1',
      session: 's1',
      sessionFallback: 'c1',
      serviceName: 'bot',
      region: 'eu-west-1',
    })
  })

  it('takes stated units, tier and cost', () => {
    const row = usage(
      chat(
        {
          id: 1,
          attributes: {
            'aforo.usage.web_searches': 3,
            'aforo.service_tier': 'flex',
            'aforo.cost_usd': 0.0125,
            'gen_ai.usage.cost': 9,
          },
        },
        10,
        5,
      ),
    )
    expect(row).toMatchObject({
      quantities: { web_searches: 3 },
      serviceTier: 'flex',
      reportedCost: '0.0125',
      reportedCostKey: 'aforo.cost_usd',
    })
  })
})

describe('an input alone', () => {
  const asked = {
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': 'gpt-4o',
    'gen_ai.usage.input_tokens': 9,
  }

  it.each<[string, SpanWords['attributes'], boolean]>([
    ['is an answer that was left', {}, false],
    ['is whole with an output of zero', { 'gen_ai.usage.output_tokens': 0 }, true],
    ['is whole with a total', { 'gen_ai.usage.total_tokens': 9 }, true],
    ['is whole where it is stated outright', { 'aforo.usage.input_tokens': 9 }, true],
    ['is whole beside a picture', { 'aforo.usage.images': 1 }, true],
    ['is whole in an embedding', { 'gen_ai.operation.name': 'embeddings' }, true],
  ])('%s', (_, more, metered) => {
    const row = usage({ id: 1, name: 'chat gpt-4o', attributes: { ...asked, ...more } })
    expect([row.metered, row.buckets.inputUncached]).toEqual([metered, metered ? 9 : 0])
  })
})

describe('failures', () => {
  it.each<[string, Attributes, boolean]>([
    ['a rate limit', { 'error.type': 'RateLimitError' }, true],
    ['a status', { 'http.response.status_code': 503, 'error.type': 'x' }, true],
    ['a class of a package', { 'error.type': 'openai.BadRequestError' }, true],
    ['a time-out', { 'error.type': 'APITimeoutError' }, false],
    ['a gateway time-out', { 'http.response.status_code': 504 }, false],
    ['an abort', { 'error.type': 'AbortError' }, false],
    ['nobody knows', {}, false],
    ['an answer had begun', { 'error.type': 'RateLimitError', 'gen_ai.response.id': 'r' }, false],
  ])('%s', (_, attributes, refused) => {
    const row = usage({ id: 1, failed: true, attributes: { 'gen_ai.operation.name': 'chat', ...attributes } })
    expect(isRefused(row)).toBe(refused)
  })
})

describe('isWorthKeeping', () => {
  const keeps = (words: SpanWords): boolean => isWorthKeeping(usage(words), span(words))
  it('drops leaves that cannot matter, and nothing else', () => {
    const database: SpanWords = {
      id: 2,
      parent: 1,
      kind: 'client',
      attributes: { 'db.system.name': 'postgresql' },
    }
    expect(keeps(database)).toBe(false)
    expect(keeps({ id: 2, kind: 'client', attributes: { 'db.system.name': 'postgresql' } })).toBe(true)
    expect(keeps({ ...database, attributes: { ...database.attributes, 'aforo.customer.id': 'acme' } })).toBe(
      true,
    )
    expect(keeps({ ...database, kind: 'internal' })).toBe(true)
    expect(keeps({ id: 2, parent: 1, kind: 'client', name: 'POST' })).toBe(true)
  })
})

import type { Dialect } from '../dialect.ts'
import { BY_KNOWN_NAME, BY_MCP, BY_OPERATION, BY_REQUEST_TYPE, BY_TRACELOOP_KIND } from '../operations.ts'
import { AI_SDK, GEN_AI, OPEN_INFERENCE } from '../vocabularies.ts'

const reads = { vocabularies: [GEN_AI], roles: [BY_KNOWN_NAME, BY_OPERATION, BY_MCP] } as const

const MODEL = 'gen_ai.request.model'
const INVOKED = { 'rpc.method': ['InvokeModel*'] } as const

/** Models whose InvokeModel answer tells no usage: both instrumentations count characters then. */
const COUNTED = { attribute: MODEL, is: ['*cohere.*', '*mistral.*'], where: INVOKED } as const

/** Models that cache, whose cached tokens stand beside the input, or nowhere. */
const CACHING = {
  attribute: MODEL,
  is: ['*anthropic.*', '*amazon.nova*'],
  without: [...GEN_AI.quantities.cacheRead, ...GEN_AI.quantities.cacheWrite],
} as const

/** OpenTelemetry's own instrumentations. Input contains cached tokens and output contains reasoning, by convention. */
export const OPENTELEMETRY_ROWS: readonly Dialect[] = [
  {
    id: 'otel-bedrock-py',
    title: 'OpenTelemetry Python botocore (Bedrock)',
    recognise: [{ scope: ['opentelemetry.instrumentation.botocore.bedrock-runtime'] }],
    ...reads,
    cachedInput: [{ says: 'excluded' }],
    // Of Converse it tells cached tokens where there are any.
    estimated: [COUNTED, { ...CACHING, where: INVOKED }],
  },
  {
    id: 'otel-bedrock-js',
    title: 'OpenTelemetry JS aws-sdk (Bedrock)',
    recognise: [{ scope: ['@opentelemetry/instrumentation-aws-sdk'] }],
    ...reads,
    cachedInput: [{ says: 'excluded' }],
    estimated: [COUNTED, CACHING],
  },
  {
    id: 'otel-bedrock-java',
    title: 'OpenTelemetry Java aws-sdk (Bedrock)',
    recognise: [{ scope: ['io.opentelemetry.aws-sdk-*'], attribute: 'gen_ai.operation.name' }],
    ...reads,
    cachedInput: [{ says: 'excluded' }],
  },
  {
    id: 'otel-openai-java',
    title: 'OpenTelemetry Java openai',
    recognise: [{ scope: ['io.opentelemetry.openai-java-*'] }],
    ...reads,
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
  },
  {
    id: 'otel-openai-js',
    title: 'OpenTelemetry JS openai',
    recognise: [{ scope: ['@opentelemetry/instrumentation-openai'] }],
    ...reads,
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
  },
  {
    id: 'otel-genai-py',
    title: 'OpenTelemetry Python GenAI (openai, anthropic, google-genai, vertexai, openai-agents, langchain)',
    recognise: [
      {
        scope: [
          'opentelemetry.instrumentation.genai.*',
          'opentelemetry.instrumentation.openai_v2',
          'opentelemetry.instrumentation.google_genai',
          'opentelemetry.instrumentation.openai_agents',
          'opentelemetry.util.genai.*',
        ],
      },
    ],
    vocabularies: [GEN_AI],
    // OpenLLMetry's instrumentation of OpenAI's agents has the same scope, and words of its own for what has no operation.
    roles: [BY_KNOWN_NAME, BY_OPERATION, BY_TRACELOOP_KIND, BY_REQUEST_TYPE, BY_MCP],
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
  },
]

/** Whatever follows the conventions without being known by name; read last, in every common spelling. */
export const GENERIC_ROWS: readonly Dialect[] = [
  {
    id: 'otel-genai',
    title: 'OpenTelemetry GenAI conventions, any emitter',
    recognise: [
      { attribute: 'gen_ai.operation.name' },
      { attribute: 'gen_ai.provider.name' },
      { attribute: 'gen_ai.system' },
      { attribute: 'gen_ai.request.model' },
      { attribute: 'gen_ai.usage.input_tokens' },
      { attribute: 'gen_ai.usage.output_tokens' },
      { attribute: 'gen_ai.usage.prompt_tokens' },
      { attribute: 'gen_ai.usage.completion_tokens' },
      { attribute: 'gen_ai.usage.total_tokens' },
      { attribute: 'llm.token_count.prompt' },
      { attribute: 'llm.token_count.completion' },
      { attribute: 'mcp.method.name' },
      { name: ['orchestrate_tools'] },
    ],
    vocabularies: [GEN_AI, AI_SDK, OPEN_INFERENCE],
    roles: [BY_KNOWN_NAME, BY_OPERATION, BY_MCP],
  },
]

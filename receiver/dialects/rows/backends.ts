import { LANGFUSE, LANGSMITH, LANGWATCH, LOGFIRE, MLFLOW } from '../backend-vocabularies.ts'
import type { Dialect } from '../dialect.ts'
import { BY_MCP, BY_OPERATION } from '../operations.ts'
import { GEN_AI, OPEN_INFERENCE } from '../vocabularies.ts'
import { LITELLM_ROUTES } from './models.ts'

/** Where a stream tells no usage OpenLIT counts the tokens itself, and does not say so. */
const ESTIMATED_STREAMS: Dialect['estimated'] = [
  { attribute: 'gen_ai.request.stream', is: ['true'] },
  { attribute: 'gen_ai.request.is_stream', is: ['true'] },
]

/** A stream is two spans: the request, which tells no usage, and this once all of it was read. */
const STREAM_END = 'streaming response from *'

const LOGFIRE_READS = {
  vocabularies: [GEN_AI, LOGFIRE],
  roles: [
    {
      names: {
        [STREAM_END]: 'fetch',
        'Agent run*': 'agent',
        'Function: *': 'tool',
        'Chat completion with *': 'call',
        'Responses API*': 'call',
        'Speech → Text*': 'call',
        'Text → Speech': 'call',
        'Text → Speech group': 'wrapper',
        'Turn *': 'wrapper',
        'Task: *': 'wrapper',
      },
    },
    BY_OPERATION,
  ],
  cachedInput: [{ says: 'included' }],
  reasoning: [{ says: 'included' }],
} as const satisfies Partial<Dialect>

/** SDKs of observability backends. They often stack over another instrumentation of the same call. */
export const BACKEND_ROWS: readonly Dialect[] = [
  {
    id: 'langfuse',
    title: 'Langfuse SDK 3 and later',
    recognise: [
      { scope: ['langfuse-sdk', 'langfuse-sdk.*'] },
      { attribute: 'langfuse.observation.type', is: ['generation', 'embedding', 'tool', 'agent'] },
    ],
    vocabularies: [LANGFUSE, GEN_AI],
    roles: [
      { names: { '*.embeddings': 'embed' } },
      {
        attribute: 'langfuse.observation.type',
        values: { generation: 'call', embedding: 'embed', tool: 'tool', agent: 'agent', '*': 'wrapper' },
      },
    ],
    failed: [{ attribute: 'langfuse.observation.level', is: ['ERROR'] }],
    failureText: 'langfuse.observation.status_message',
  },
  {
    id: 'logfire-stream',
    title: 'Logfire, streams of providers',
    recognise: [
      {
        scope: ['logfire.openai', 'logfire.anthropic'],
        name: ['Chat Completion with *', 'Completion with *', 'Responses API with *', 'Message with *'],
        without: ['gen_ai.response.id', 'gen_ai.response.finish_reasons'],
      },
      { scope: ['logfire.openai', 'logfire.anthropic'], name: [STREAM_END] },
    ],
    ...LOGFIRE_READS,
    toldAtEnd: true,
  },
  {
    id: 'logfire',
    title: 'Logfire, its own instrumentations of providers and agents',
    recognise: [
      { scope: ['logfire.openai', 'logfire.anthropic', 'logfire.openai_agents', 'logfire.claude_agent_sdk'] },
    ],
    ...LOGFIRE_READS,
  },
  {
    id: 'langsmith',
    title: 'LangSmith OpenTelemetry exporter',
    recognise: [{ scope: ['langsmith', 'langsmith.*'] }, { attribute: 'langsmith.span.kind' }],
    vocabularies: [GEN_AI, LANGSMITH],
    roles: [
      {
        attribute: 'langsmith.span.kind',
        values: { llm: 'call', embedding: 'embed', tool: 'tool', retriever: 'ignored', '*': 'wrapper' },
      },
      BY_OPERATION,
    ],
    cachedInput: [{ says: 'included' }],
  },
  {
    id: 'mlflow',
    title: 'MLflow tracing',
    recognise: [{ attribute: 'mlflow.spanType' }],
    vocabularies: [GEN_AI, MLFLOW],
    // DSPy's models are named as LiteLLM's.
    routes: LITELLM_ROUTES,
    roles: [
      {
        attribute: 'mlflow.spanType',
        values: {
          // Its exporter writes every value as JSON, so that a word may stand in quotes.
          '*CHAT_MODEL*': 'call',
          '*LLM*': 'call',
          '*EMBEDDING*': 'embed',
          '*TOOL*': 'tool',
          '*AGENT*': 'agent',
          '*RETRIEVER*': 'ignored',
          '*RERANKER*': 'priced',
          '*': 'wrapper',
        },
      },
      BY_OPERATION,
    ],
  },
  {
    id: 'langwatch',
    title: 'LangWatch SDK',
    recognise: [{ scope: ['langwatch'] }],
    vocabularies: [GEN_AI, LANGWATCH],
    roles: [
      BY_OPERATION,
      {
        attribute: 'langwatch.span.type',
        values: { llm: 'call', tool: 'tool', agent: 'agent', rag: 'ignored', '*': 'wrapper' },
      },
    ],
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
    routes: LITELLM_ROUTES,
  },
  {
    id: 'openlit-frameworks',
    title: 'OpenLIT SDK, its instrumentations of frameworks',
    recognise: [
      {
        scope: [
          'openlit.instrumentation.claude_agent_sdk',
          'openlit.instrumentation.langchain',
          'openlit.instrumentation.langgraph',
          'openlit.instrumentation.litellm',
          'openlit.instrumentation.pydantic_ai',
        ],
      },
    ],
    vocabularies: [GEN_AI],
    roles: [BY_OPERATION, BY_MCP],
    cachedInput: [{ says: 'included' }],
    zeroCostIsUnknown: true,
    estimated: ESTIMATED_STREAMS,
  },
  {
    id: 'openlit-coding-agents',
    title: 'OpenLIT, hooks of coding agents (a session repeats the sum of its turns)',
    recognise: [{ name: ['coding_agent.*'] }],
    vocabularies: [GEN_AI],
    roles: [
      { names: { 'coding_agent.session': 'agent', 'coding_agent.tool.call': 'tool' } },
      BY_OPERATION,
      { names: { 'coding_agent.*': 'other' } },
    ],
    cachedInput: [{ says: 'excluded', providers: ['anthropic'] }, { says: 'included' }],
  },
  {
    id: 'openlit',
    title: 'OpenLIT SDK',
    recognise: [
      { scope: ['openlit', 'openlit.*'] },
      { resource: 'telemetry.sdk.name', is: ['openlit'], attribute: 'gen_ai.operation.name' },
    ],
    vocabularies: [GEN_AI],
    roles: [BY_OPERATION, BY_MCP],
    cachedInput: [{ says: 'excluded', providers: ['anthropic', 'aws.bedrock'] }, { says: 'included' }],
    zeroCostIsUnknown: true,
    estimated: ESTIMATED_STREAMS,
  },
  {
    id: 'sentry',
    title: 'Sentry SDKs',
    recognise: [{ attribute: 'sentry.op', is: ['gen_ai.*', 'ai.*'] }],
    vocabularies: [GEN_AI, OPEN_INFERENCE],
    roles: [
      {
        attribute: 'sentry.op',
        values: {
          'gen_ai.invoke_agent': 'agent',
          'gen_ai.create_agent': 'ignored',
          'gen_ai.handoff': 'other',
          'gen_ai.execute_tool': 'tool',
          'gen_ai.embeddings': 'embed',
          'gen_ai.rerank': 'priced',
          'ai.pipeline*': 'wrapper',
        },
      },
      BY_OPERATION,
      // `ai.run` is any function within a pipeline: a call only where it names a model and usage.
      {
        attribute: 'sentry.op',
        values: {
          'ai.embeddings.*': 'embed',
          'ai.messages.create.*': 'call',
          'ai.chat_completions.create.*': 'call',
          'gen_ai.*': 'call',
        },
      },
    ],
    cachedInput: [{ says: 'included' }],
  },
]

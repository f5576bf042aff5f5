import type { Dialect } from '../dialect.ts'
import { BY_MCP, BY_OPERATION } from '../operations.ts'
import { GEN_AI, LANGFUSE, LANGSMITH, MLFLOW, OPEN_INFERENCE } from '../vocabularies.ts'

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
          '*RERANKER*': 'ignored',
          '*': 'wrapper',
        },
      },
      BY_OPERATION,
    ],
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
    // Where a stream tells no usage it counts the tokens itself, and does not say so.
    estimated: [{ attribute: 'gen_ai.request.is_stream', is: ['true'] }],
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
          'gen_ai.execute_tool': 'tool',
          'gen_ai.embeddings': 'embed',
        },
      },
      BY_OPERATION,
      { attribute: 'sentry.op', values: { 'gen_ai.*': 'call', 'ai.*': 'call' } },
    ],
    cachedInput: [{ says: 'included' }],
  },
]

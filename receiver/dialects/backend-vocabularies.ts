import type { Vocabulary } from './dialect.ts'

/** `usage_details` holds buckets of which none contains another. */
export const LANGFUSE = {
  json: [{ key: 'langfuse.observation.usage_details', disjoint: true }],
  costs: [{ key: 'langfuse.observation.cost_details', paths: ['total'] }],
  facts: { requestModel: ['langfuse.observation.model.name'] },
} as const satisfies Vocabulary

/**
 * Only what the provider answered tells cached and reasoning tokens; its own input may leave the cached ones out. The agents'
 * spans hold the same under `usage`.
 */
export const LOGFIRE = {
  json: [
    {
      key: 'usage',
      paths: {
        cacheRead: ['input_tokens_details.cached_tokens'],
        cacheWrite: ['input_tokens_details.cache_write_tokens'],
        reasoning: ['output_tokens_details.reasoning_tokens'],
      },
    },
    {
      key: 'gen_ai.usage.raw',
      paths: {
        cacheRead: [
          'prompt_tokens_details.cached_tokens',
          'input_tokens_details.cached_tokens',
          'cache_read_input_tokens',
        ],
        cacheWrite: ['cache_creation_input_tokens'],
        cacheWrite1h: ['cache_creation.ephemeral_1h_input_tokens'],
        reasoning: ['completion_tokens_details.reasoning_tokens', 'output_tokens_details.reasoning_tokens'],
      },
      units: {
        input_audio_tokens: ['prompt_tokens_details.audio_tokens'],
        output_audio_tokens: ['completion_tokens_details.audio_tokens'],
        web_searches: ['server_tool_use.web_search_requests'],
      },
    },
  ],
  facts: { cost: ['operation.cost'], toolName: ['name'] },
} as const satisfies Vocabulary

export const MLFLOW = {
  json: [
    {
      key: 'mlflow.chat.tokenUsage',
      paths: {
        input: ['input_tokens'],
        output: ['output_tokens'],
        total: ['total_tokens'],
        cacheRead: ['cache_read_input_tokens'],
        cacheWrite: ['cache_creation_input_tokens'],
      },
    },
  ],
  costs: [{ key: 'mlflow.llm.cost', paths: ['total_cost', 'total'] }],
  // The model that answered; of a call that failed there are only the parameters it was asked with.
  facts: { requestModel: ['mlflow.llm.model', 'model'], provider: ['mlflow.llm.provider'] },
} as const satisfies Vocabulary

const LANGSMITH_PATHS = {
  input: ['input_tokens'],
  output: ['output_tokens'],
  total: ['total_tokens'],
  cacheRead: ['input_token_details.cache_read'],
  cacheWrite: ['input_token_details.cache_creation'],
  cacheWrite5m: ['input_token_details.ephemeral_5m_input_tokens'],
  cacheWrite1h: ['input_token_details.ephemeral_1h_input_tokens'],
  reasoning: ['output_token_details.reasoning'],
} as const

/** LangSmith writes the details of usage as JSON, its Python client as a printed dictionary. */
export const LANGSMITH = {
  json: [
    { key: 'langsmith.usage_metadata', paths: LANGSMITH_PATHS },
    { key: 'langsmith.metadata.usage_metadata', paths: LANGSMITH_PATHS },
    {
      key: 'gen_ai.usage.input_token_details',
      paths: {
        cacheRead: ['cache_read'],
        cacheWrite: ['cache_creation'],
        cacheWrite5m: ['ephemeral_5m_input_tokens'],
        cacheWrite1h: ['ephemeral_1h_input_tokens'],
      },
    },
    { key: 'gen_ai.usage.output_token_details', paths: { reasoning: ['reasoning'] } },
  ],
  costs: [{ key: 'langsmith.usage_metadata', paths: ['total_cost'] }],
} as const satisfies Vocabulary

/** LangWatch tells what was reasoned among its own metrics alone. */
export const LANGWATCH = {
  json: [
    {
      key: 'langwatch.metrics',
      paths: { input: ['prompt_tokens'], output: ['completion_tokens'], reasoning: ['reasoning_tokens'] },
    },
  ],
} as const satisfies Vocabulary

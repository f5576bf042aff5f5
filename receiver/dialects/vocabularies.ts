import type { Vocabulary } from './dialect.ts'

/** OpenTelemetry's GenAI conventions: today's names, then the dotted suffixes, then the old snake case ones. */
export const GEN_AI = {
  quantities: {
    input: ['gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens'],
    output: ['gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens'],
    total: ['gen_ai.usage.total_tokens', 'llm.usage.total_tokens'],
    cacheRead: [
      'gen_ai.usage.cache_read.input_tokens',
      'gen_ai.usage.input_tokens.cached',
      'gen_ai.usage.cache_read_input_tokens',
      'gen_ai.usage.cached_input_tokens',
      'gen_ai.usage.cache_read_tokens',
      'gen_ai.usage.prompt_tokens_details.cached_tokens',
      'gen_ai.usage.prompt_tokens_details.cache_read',
      'gen_ai.usage.cache.read_input_tokens',
    ],
    cacheWrite: [
      'gen_ai.usage.cache_write.input_tokens',
      'gen_ai.usage.cache_creation.input_tokens',
      'gen_ai.usage.input_tokens.cache_write',
      'gen_ai.usage.cache_write_input_tokens',
      'gen_ai.usage.cache_creation_input_tokens',
      'gen_ai.usage.cache_write_tokens',
      'gen_ai.usage.cache_creation_tokens',
      'gen_ai.usage.prompt_tokens_details.cache_creation_tokens',
      'gen_ai.usage.prompt_tokens_details.cache_write',
      'gen_ai.usage.cache.creation_input_tokens',
    ],
    cacheWrite5m: [
      'aforo.usage.cache_write_5m_tokens',
      'anthropic.usage.cache_creation.ephemeral_5m_input_tokens',
      'gen_ai.usage.cache_creation.ephemeral_5m_input_tokens',
    ],
    cacheWrite1h: [
      'aforo.usage.cache_write_1h_tokens',
      'anthropic.usage.cache_creation.ephemeral_1h_input_tokens',
      'gen_ai.usage.cache_creation.ephemeral_1h_input_tokens',
    ],
    reasoning: [
      'gen_ai.usage.reasoning.output_tokens',
      'gen_ai.usage.output_tokens.reasoning',
      'gen_ai.usage.reasoning_tokens',
      'gen_ai.usage.completion_tokens_details.reasoning_tokens',
      'gen_ai.usage.completion_tokens_details.reasoning',
      'llm.usage.reasoning_tokens',
    ],
  },
  units: {
    input_audio_tokens: ['gen_ai.usage.audio.input_tokens', 'gen_ai.usage.input_audio_tokens'],
    output_audio_tokens: [
      'gen_ai.usage.audio.output_tokens',
      'gen_ai.usage.output_audio_tokens',
      'gen_ai.usage.completion_tokens_details.audio_tokens',
      'gen_ai.usage.completion_tokens_details.audio',
    ],
    cache_read_audio_tokens: ['gen_ai.usage.audio.cache_read.input_tokens'],
    input_image_tokens: ['gen_ai.usage.image.input_tokens', 'gen_ai.usage.input_image_tokens'],
    output_image_tokens: ['gen_ai.usage.image.output_tokens', 'gen_ai.usage.output_image_tokens'],
    cache_read_image_tokens: ['gen_ai.usage.image.cache_read.input_tokens'],
  },
  facts: {
    provider: ['gen_ai.provider.name', 'gen_ai.system', 'gen_ai.model.provider'],
    requestModel: ['gen_ai.request.model'],
    responseModel: ['gen_ai.response.model'],
    responseId: ['gen_ai.response.id'],
    requestId: ['anthropic.request.id'],
    serviceTier: [
      'openai.response.service_tier',
      'gen_ai.openai.response.service_tier',
      'anthropic.response.service_tier',
    ],
    cost: [
      'gen_ai.usage.cost',
      'gen_ai.usage.total_cost',
      'gen_ai.usage.cost.amount',
      'agw.ai.usage.cost.total',
    ],
    agent: ['gen_ai.agent.name'],
    toolName: ['gen_ai.tool.name'],
    toolCallId: ['gen_ai.tool.call.id'],
    toolType: ['gen_ai.tool.type'],
  },
} as const satisfies Vocabulary

/** The Vercel AI SDK's own names, beside GenAI's on the same span. `ai.usage.tokens` is an embedding's input. */
export const AI_SDK = {
  quantities: {
    input: ['ai.usage.inputTokens', 'ai.usage.promptTokens', 'ai.usage.tokens'],
    output: ['ai.usage.outputTokens', 'ai.usage.completionTokens'],
    total: ['ai.usage.totalTokens'],
    cacheRead: ['ai.usage.inputTokenDetails.cacheReadTokens', 'ai.usage.cachedInputTokens'],
    cacheWrite: ['ai.usage.inputTokenDetails.cacheWriteTokens'],
    reasoning: ['ai.usage.outputTokenDetails.reasoningTokens', 'ai.usage.reasoningTokens'],
    inputUncached: ['ai.usage.inputTokenDetails.noCacheTokens'],
    outputText: ['ai.usage.outputTokenDetails.textTokens'],
  },
  facts: {
    provider: ['ai.model.provider'],
    requestModel: ['ai.model.id'],
    responseModel: ['ai.response.model'],
    responseId: ['ai.response.id'],
    agent: ['ai.telemetry.functionId'],
    toolName: ['ai.toolCall.name'],
    toolCallId: ['ai.toolCall.id'],
  },
  providerUsage: {
    key: 'ai.response.providerMetadata',
    paths: {
      input: ['anthropic.usage.input_tokens', 'bedrock.usage.inputTokens'],
      cacheRead: [
        'anthropic.usage.cache_read_input_tokens',
        'anthropic.cacheReadInputTokens',
        'bedrock.usage.cacheReadInputTokens',
        'google.usageMetadata.cachedContentTokenCount',
        'vertex.usageMetadata.cachedContentTokenCount',
        'openai.cachedPromptTokens',
        'deepseek.promptCacheHitTokens',
      ],
      cacheWrite: [
        'anthropic.usage.cache_creation_input_tokens',
        'anthropic.cacheCreationInputTokens',
        'bedrock.usage.cacheWriteInputTokens',
      ],
      cacheWrite1h: ['anthropic.usage.cache_creation.ephemeral_1h_input_tokens'],
      // Version 5 and older tell thoughts and cached tokens of a text that is not streamed nowhere else.
      reasoning: [
        'google.usageMetadata.thoughtsTokenCount',
        'vertex.usageMetadata.thoughtsTokenCount',
        'openai.reasoningTokens',
      ],
    },
  },
} as const satisfies Vocabulary

export const OPEN_INFERENCE = {
  quantities: {
    input: ['llm.token_count.prompt'],
    output: ['llm.token_count.completion'],
    total: ['llm.token_count.total'],
    cacheRead: ['llm.token_count.prompt_details.cache_read'],
    cacheWrite: ['llm.token_count.prompt_details.cache_write'],
    reasoning: ['llm.token_count.completion_details.reasoning'],
  },
  units: {
    input_audio_tokens: ['llm.token_count.prompt_details.audio'],
    output_audio_tokens: ['llm.token_count.completion_details.audio'],
  },
  facts: {
    provider: ['llm.provider', 'llm.system'],
    requestModel: ['llm.model_name', 'embedding.model_name'],
    cost: ['llm.cost.total'],
    agent: ['agent.name'],
    toolName: ['tool.name'],
    toolCallId: ['tool.id', 'tool_call.id'],
  },
  // What LangChain says of a model, for where its span does not name the model or who made it.
  json: [
    { key: 'metadata', paths: {}, facts: { provider: ['ls_provider'], requestModel: ['ls_model_name'] } },
  ],
  // LangChain's, Bedrock's or Anthropic's own usage object, of which OpenInference passes over cached tokens.
  usageInside: [
    {
      key: 'output.value',
      paths: {
        cacheRead: ['input_token_details.cache_read', 'cacheReadInputTokens', 'cache_read_input_tokens'],
        cacheWrite: [
          'input_token_details.cache_creation',
          'cacheWriteInputTokens',
          'cache_creation_input_tokens',
        ],
        reasoning: ['output_token_details.reasoning'],
      },
    },
  ],
} as const satisfies Vocabulary

const { total: _workedOut, ...copied } = OPEN_INFERENCE.quantities

/** What a processor copies onto spans of another emitter. Its total is not the provider's: it adds input and output up itself. */
export const OPEN_INFERENCE_COPIES = { ...OPEN_INFERENCE, quantities: copied } as const satisfies Vocabulary

export const TRACELOOP = {
  facts: { toolName: ['traceloop.entity.name'], agent: ['traceloop.association.properties.agent_name'] },
} as const satisfies Vocabulary

/** pydantic-ai repeats the provider's numbers under `details`; an agent's total stands under `aggregated_usage`. */
export const PYDANTIC_AI = {
  quantities: {
    input: ['gen_ai.aggregated_usage.input_tokens'],
    output: ['gen_ai.aggregated_usage.output_tokens'],
    cacheRead: [
      'gen_ai.aggregated_usage.cache_read.input_tokens',
      'gen_ai.usage.details.cache_read_tokens',
      'gen_ai.usage.details.cached_tokens',
      'gen_ai.usage.details.cache_read_input_tokens',
      'gen_ai.usage.details.cached_content_tokens',
    ],
    cacheWrite: [
      'gen_ai.aggregated_usage.cache_creation.input_tokens',
      'gen_ai.usage.details.cache_write_tokens',
      'gen_ai.usage.details.cache_creation_input_tokens',
    ],
    reasoning: [
      'gen_ai.usage.details.reasoning_tokens',
      'gen_ai.usage.details.thoughts_tokens',
      'gen_ai.aggregated_usage.details.reasoning_tokens',
    ],
  },
  units: {
    input_audio_tokens: ['gen_ai.usage.details.input_audio_tokens'],
    output_audio_tokens: ['gen_ai.usage.details.output_audio_tokens'],
    cache_read_audio_tokens: ['gen_ai.usage.details.cache_audio_read_tokens'],
  },
  facts: { cost: ['operation.cost'], agent: ['agent_name'] },
} as const satisfies Vocabulary

/** Genkit tells usage in the midst of what the model answered, and the model as the action's name. */
export const GENKIT = {
  usageInside: [
    {
      key: 'genkit:output',
      paths: {
        input: ['inputTokens'],
        output: ['outputTokens'],
        total: ['totalTokens'],
        cacheRead: ['cachedContentTokens', 'custom.cache_read_input_tokens'],
        cacheWrite: ['custom.cache_creation_input_tokens'],
        cacheWrite1h: ['custom.ephemeral_1h_input_tokens'],
        reasoning: ['thoughtsTokens'],
      },
    },
  ],
  facts: { requestModel: ['genkit:name'], toolName: ['genkit:name'] },
} as const satisfies Vocabulary

/** Google's own usage object, of which older versions of its agent kit put only a part on the span itself. */
export const GOOGLE_ADK = {
  usageInside: [
    {
      key: 'gcp.vertex.agent.llm_response',
      paths: {
        input: ['prompt_token_count', 'promptTokenCount'],
        output: ['candidates_token_count', 'candidatesTokenCount'],
        total: ['total_token_count', 'totalTokenCount'],
        cacheRead: ['cached_content_token_count', 'cachedContentTokenCount'],
        reasoning: ['thoughts_token_count', 'thoughtsTokenCount'],
        toolUseInput: ['tool_use_prompt_token_count', 'toolUsePromptTokenCount'],
      },
    },
  ],
} as const satisfies Vocabulary

/** Koog tells cached tokens among what else a client has to say of an answer. */
export const KOOG = {
  json: [
    {
      key: 'gen_ai.response.metadata',
      paths: {
        cacheRead: ['cacheReadInputTokens'],
        cacheWrite: ['cacheCreationInputTokens', 'cacheWriteInputTokens'],
      },
    },
  ],
} as const satisfies Vocabulary

/** Its first names for usage, which its Java version has to this day. */
export const SEMANTIC_KERNEL = {
  quantities: {
    input: ['gen_ai.response.prompt_tokens'],
    output: ['gen_ai.response.completion_tokens'],
  },
  facts: { toolName: ['semantic_kernel.function.invocation.name'] },
} as const satisfies Vocabulary

export const SPRING_AI = {
  facts: { toolName: ['spring.ai.tool.definition.name'] },
} as const satisfies Vocabulary

/** What Anthropic used to compact a conversation before it answered: the usage of the answer leaves it out. */
export const ANTHROPIC = {
  quantities: {
    moreInput: ['anthropic.usage.compaction.input_tokens'],
    moreOutput: ['anthropic.usage.compaction.output_tokens'],
  },
} as const satisfies Vocabulary

/** Claude Code's names have no prefix, so that no other row may read them. */
export const CLAUDE_CODE = {
  quantities: {
    input: ['input_tokens'],
    output: ['output_tokens'],
    cacheRead: ['cache_read_tokens'],
    cacheWrite: ['cache_creation_tokens'],
  },
  facts: {
    requestModel: ['model'],
    requestId: ['request_id'],
    serviceTier: ['speed'],
    agent: ['agent_id'],
    toolName: ['tool_name'],
    toolCallId: ['tool_use_id'],
  },
} as const satisfies Vocabulary

export const CODEX = {
  quantities: {
    input: ['codex.turn.token_usage.input_tokens'],
    output: ['codex.turn.token_usage.output_tokens'],
    total: ['codex.turn.token_usage.total_tokens', 'codex.usage.total_tokens'],
    cacheRead: ['codex.turn.token_usage.cached_input_tokens', 'codex.usage.cached_input_tokens'],
    cacheWrite: ['codex.turn.token_usage.cache_write_input_tokens'],
    reasoning: ['codex.turn.token_usage.reasoning_output_tokens', 'codex.usage.reasoning_output_tokens'],
    inputUncached: ['codex.turn.token_usage.non_cached_input_tokens'],
  },
  facts: { requestModel: ['model'] },
} as const satisfies Vocabulary

/** `usage_object` is what the provider answered, in OpenAI's shape, printed as a Python dictionary. */
export const LITELLM = {
  json: [
    {
      key: 'metadata.usage_object',
      paths: {
        cacheRead: ['prompt_tokens_details.cached_tokens', 'cache_read_input_tokens'],
        cacheWrite: ['prompt_tokens_details.cache_creation_tokens', 'cache_creation_input_tokens'],
        reasoning: ['completion_tokens_details.reasoning_tokens'],
      },
    },
  ],
  facts: { cost: ['litellm.cost.total', 'gen_ai.cost.total_cost'] },
} as const satisfies Vocabulary

/** How LiteLLM may call the provider in the keys of a raw answer; `None` where it does not know. */
export const LITELLM_RAW_PROVIDERS = [
  'openai',
  'None',
  'azure',
  'deepseek',
  'groq',
  'mistral',
  'openrouter',
  'together_ai',
  'xai',
] as const

/** A provider's answer in OpenAI's shape, its usage printed as a Python dictionary. */
export const LITELLM_RAW = {
  json: LITELLM_RAW_PROVIDERS.map((provider) => ({
    key: `llm.${provider}.usage`,
    paths: {
      input: ['prompt_tokens', 'input_tokens'],
      output: ['completion_tokens', 'output_tokens'],
      total: ['total_tokens'],
      cacheRead: ['prompt_tokens_details.cached_tokens', 'input_tokens_details.cached_tokens'],
      cacheWrite: ['prompt_tokens_details.cache_write_tokens', 'input_tokens_details.cache_write_tokens'],
      reasoning: ['completion_tokens_details.reasoning_tokens', 'output_tokens_details.reasoning_tokens'],
    },
  })),
  facts: {
    responseModel: LITELLM_RAW_PROVIDERS.map((provider) => `llm.${provider}.model`),
    responseId: LITELLM_RAW_PROVIDERS.map((provider) => `llm.${provider}.id`),
  },
} as const satisfies Vocabulary

export const LITELLM_RAW_ANTHROPIC = {
  json: [
    {
      key: 'llm.anthropic.usage',
      paths: {
        input: ['input_tokens'],
        output: ['output_tokens'],
        cacheRead: ['cache_read_input_tokens'],
        cacheWrite: ['cache_creation_input_tokens'],
        cacheWrite1h: ['cache_creation.ephemeral_1h_input_tokens'],
      },
    },
  ],
  facts: { responseModel: ['llm.anthropic.model'], responseId: ['llm.anthropic.id'] },
} as const satisfies Vocabulary

/** Aforo's own words, for usage that is stated outright. */
export const STATED = {
  quantities: {
    input: ['aforo.usage.input_tokens'],
    output: ['aforo.usage.output_tokens'],
    cacheRead: ['aforo.usage.cache_read_tokens'],
    cacheWrite: ['aforo.usage.cache_write_tokens'],
    cacheWrite5m: ['aforo.usage.cache_write_5m_tokens'],
    cacheWrite1h: ['aforo.usage.cache_write_1h_tokens'],
    reasoning: ['aforo.usage.reasoning_tokens'],
  },
} as const satisfies Vocabulary

import type { Vocabulary } from './dialect.ts'

/** VoltAgent's names have prefixes that nobody else's spans share, but for its own scope. */
export const VOLTAGENT = {
  quantities: {
    input: ['usage.prompt_tokens'],
    output: ['usage.completion_tokens'],
    total: ['usage.total_tokens'],
    cacheRead: ['usage.cached_tokens'],
    reasoning: ['usage.reasoning_tokens'],
  },
  facts: {
    requestModel: ['ai.model.name'],
    agent: ['entity.name'],
    toolName: ['tool.name'],
    toolCallId: ['tool.call.id'],
  },
} as const satisfies Vocabulary

export const PIPECAT = {
  units: {
    characters: ['metrics.character_count'],
    input_audio_seconds: ['metrics.audio_seconds'],
  },
} as const satisfies Vocabulary

/** Speech tells its model and what was spoken in JSON alone; its tokens are zero where characters are billed. */
export const LIVEKIT = {
  quantities: { cacheRead: ['gen_ai.usage.input_cached_tokens'] },
  json: [
    {
      key: 'lk.tts_metrics',
      paths: { input: ['input_tokens'], output: ['output_tokens'] },
      units: { characters: ['characters_count'] },
      facts: {
        provider: ['metadata.model_provider'],
        requestModel: ['metadata.model_name'],
        responseId: ['request_id'],
      },
    },
    {
      key: 'lk.llm_metrics',
      paths: { cacheWrite: ['cache_creation_tokens'] },
      facts: { responseId: ['request_id'] },
    },
    {
      key: 'lk.realtime_model_metrics',
      paths: {},
      units: { cache_read_audio_tokens: ['input_token_details.cached_tokens_details.audio_tokens'] },
      facts: { responseId: ['request_id'] },
    },
  ],
  facts: {
    toolName: ['lk.function_tool.name'],
    toolCallId: ['lk.function_tool.id'],
    agent: ['lk.agent_name', 'lk.agent_label'],
  },
} as const satisfies Vocabulary

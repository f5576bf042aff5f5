import type { TokenBuckets } from '../../core/usage.ts'
import type { Attributes, SpanWords } from './spans.ts'

/** A way to write one call down: the same tokens in another vocabulary or by another convention. */
export interface Spelling {
  readonly title: string
  readonly silent: Partial<SpanWords>
  write(buckets: TokenBuckets): Partial<SpanWords>
}

const cached = (b: TokenBuckets): number => b.cacheRead + b.cacheWrite + b.cacheWrite1h
const input = (b: TokenBuckets): number => b.inputUncached + cached(b)
const output = (b: TokenBuckets): number => b.outputText + b.outputReasoning

function spelling(
  title: string,
  words: Partial<SpanWords>,
  attributes: (b: TokenBuckets) => Attributes,
): Spelling {
  return {
    title,
    silent: words,
    write: (b) => ({ ...words, attributes: { ...words.attributes, ...attributes(b) } }),
  }
}

const GEN_AI: Attributes = {
  'gen_ai.operation.name': 'chat',
  'gen_ai.provider.name': 'anthropic',
  'gen_ai.request.model': 'claude-sonnet-4-5',
}

/** The first is OpenTelemetry's of today. */
export const SPELLINGS: readonly Spelling[] = [
  spelling('OpenTelemetry', { attributes: GEN_AI, scope: 'test-calls' }, (b) => ({
    'gen_ai.usage.input_tokens': input(b),
    'gen_ai.usage.output_tokens': output(b),
    'gen_ai.usage.cache_read.input_tokens': b.cacheRead,
    'gen_ai.usage.cache_write.input_tokens': b.cacheWrite,
    'gen_ai.usage.reasoning.output_tokens': b.outputReasoning,
  })),
  spelling('OpenTelemetry 1.40, with a total', { attributes: GEN_AI, scope: 'test-calls' }, (b) => ({
    'gen_ai.usage.prompt_tokens': input(b),
    'gen_ai.usage.completion_tokens': output(b),
    'gen_ai.usage.total_tokens': input(b) + output(b),
    'gen_ai.usage.cache_read.input_tokens': b.cacheRead,
    'gen_ai.usage.cache_creation.input_tokens': b.cacheWrite,
    'gen_ai.usage.reasoning_tokens': b.outputReasoning,
  })),
  spelling('Strands, cached apart', { attributes: GEN_AI, scope: 'strands.telemetry.tracer' }, (b) => ({
    'gen_ai.usage.input_tokens': b.inputUncached,
    'gen_ai.usage.prompt_tokens': b.inputUncached,
    'gen_ai.usage.output_tokens': output(b),
    'gen_ai.usage.total_tokens': b.inputUncached + output(b),
    'gen_ai.usage.cache_read_input_tokens': b.cacheRead,
    'gen_ai.usage.cache_write_input_tokens': b.cacheWrite,
    'gen_ai.usage.reasoning_tokens': b.outputReasoning,
  })),
  spelling(
    'OpenInference',
    {
      scope: '@arizeai/openinference-instrumentation-anthropic',
      attributes: { 'openinference.span.kind': 'LLM', 'llm.model_name': 'claude-sonnet-4-5' },
    },
    (b) => ({
      'llm.token_count.prompt': input(b),
      'llm.token_count.completion': output(b),
      'llm.token_count.total': input(b) + output(b),
      'llm.token_count.prompt_details.cache_read': b.cacheRead,
      'llm.token_count.prompt_details.cache_write': b.cacheWrite,
      'llm.token_count.completion_details.reasoning': b.outputReasoning,
    }),
  ),
  spelling(
    'AI SDK 6, disjoint',
    {
      scope: 'ai',
      name: 'ai.streamText.doStream',
      attributes: { 'ai.operationId': 'ai.streamText.doStream', 'ai.model.id': 'claude-sonnet-4-5' },
    },
    (b) => ({
      'ai.usage.inputTokens': input(b),
      'ai.usage.inputTokenDetails.noCacheTokens': b.inputUncached,
      'ai.usage.inputTokenDetails.cacheReadTokens': b.cacheRead,
      'ai.usage.inputTokenDetails.cacheWriteTokens': b.cacheWrite,
      'ai.usage.outputTokens': output(b),
      'ai.usage.outputTokenDetails.textTokens': b.outputText,
      'ai.usage.outputTokenDetails.reasoningTokens': b.outputReasoning,
      'gen_ai.usage.input_tokens': input(b),
      'gen_ai.usage.output_tokens': output(b),
    }),
  ),
  spelling(
    'Langfuse, buckets as JSON',
    {
      scope: 'langfuse-sdk',
      attributes: {
        'langfuse.observation.type': 'generation',
        'langfuse.observation.model.name': 'claude-sonnet-4-5',
      },
    },
    (b) => ({
      'langfuse.observation.usage_details': JSON.stringify({
        input: b.inputUncached,
        input_cached_tokens: b.cacheRead,
        input_cache_creation: b.cacheWrite,
        output: b.outputText,
        output_reasoning_tokens: b.outputReasoning,
        total: input(b) + output(b),
      }),
    }),
  ),
  spelling(
    'LangSmith, details printed by Python',
    { scope: 'langsmith', attributes: { ...GEN_AI, 'langsmith.span.kind': 'llm' } },
    (b) => ({
      'gen_ai.usage.input_tokens': input(b),
      'gen_ai.usage.output_tokens': output(b),
      'gen_ai.usage.total_tokens': input(b) + output(b),
      'gen_ai.usage.input_token_details': `{'cache_read': ${b.cacheRead}, 'cache_creation': ${b.cacheWrite}}`,
      'gen_ai.usage.output_token_details': `{'audio': None, 'reasoning': ${b.outputReasoning}}`,
    }),
  ),
  spelling(
    'Sentry, dotted suffixes',
    { scope: 'sentry.python', attributes: { ...GEN_AI, 'sentry.op': 'gen_ai.chat' } },
    (b) => ({
      'gen_ai.usage.input_tokens': input(b),
      'gen_ai.usage.input_tokens.cached': b.cacheRead,
      'gen_ai.usage.input_tokens.cache_write': b.cacheWrite,
      'gen_ai.usage.output_tokens': output(b),
      'gen_ai.usage.output_tokens.reasoning': b.outputReasoning,
    }),
  ),
  spelling(
    'OpenInference of Claude agents, cached apart',
    {
      scope: 'openinference.instrumentation.claude_agent_sdk',
      attributes: { 'openinference.span.kind': 'LLM', 'llm.model_name': 'claude-sonnet-4-5' },
    },
    (b) => ({
      'llm.token_count.prompt': b.inputUncached,
      'llm.token_count.completion': output(b),
      'llm.token_count.prompt_details.cache_read': b.cacheRead,
      'llm.token_count.prompt_details.cache_write': b.cacheWrite,
      'llm.token_count.completion_details.reasoning': b.outputReasoning,
    }),
  ),
  spelling(
    'Both vocabularies on one span',
    { scope: 'gen_ai', attributes: { ...GEN_AI, 'openinference.span.kind': 'LLM' } },
    (b) => ({
      'gen_ai.usage.input_tokens': input(b),
      'gen_ai.usage.output_tokens': output(b),
      'gen_ai.usage.cache_read.input_tokens': b.cacheRead,
      'gen_ai.usage.cache_creation.input_tokens': b.cacheWrite,
      'llm.token_count.prompt': input(b),
      'llm.token_count.completion': output(b),
      'llm.token_count.completion_details.reasoning': b.outputReasoning,
    }),
  ),
]

import type { Dialect } from '../dialect.ts'
import {
  BY_KNOWN_NAME,
  BY_MCP,
  BY_OPEN_INFERENCE_KIND,
  BY_OPEN_INFERENCE_REST,
  BY_OPERATION,
  OPERATIONS,
} from '../operations.ts'
import {
  GEN_AI,
  LITELLM,
  LITELLM_RAW,
  LITELLM_RAW_ANTHROPIC,
  LITELLM_RAW_PROVIDERS,
  OPEN_INFERENCE,
} from '../vocabularies.ts'

/**
 * Of a stream without usage LiteLLM counts the tokens itself, and has no details of the input then. Of a provider that
 * tells none in a stream its numbers look the same.
 */
const COUNTED_STREAMS: Dialect['estimated'] = [
  ['llm.is_streaming', ['True', 'true']] as const,
  ['gen_ai.request.stream', ['true']] as const,
].map(([key, says]) => ({
  attribute: 'metadata.usage_object',
  is: ["*'prompt_tokens_details': None*"],
  where: { [key]: says },
}))

/** Gateways see the call from the middle; they bring every provider's numbers into OpenAI's shape. */
export const GATEWAY_ROWS: readonly Dialect[] = [
  {
    id: 'litellm-raw-anthropic',
    title: "LiteLLM `otel` callback, Anthropic's answer as it came",
    recognise: [{ scope: ['litellm'], name: ['raw_gen_ai_request'], attribute: 'llm.anthropic.usage' }],
    vocabularies: [LITELLM_RAW_ANTHROPIC],
    roles: [
      { attribute: 'llm.anthropic.type', values: { message: 'call' } },
      { names: { raw_gen_ai_request: 'ignored' } },
    ],
    cachedInput: [{ says: 'excluded' }],
    reasoning: [{ says: 'included' }],
  },
  {
    id: 'litellm-raw',
    title: "LiteLLM `otel` callback, a provider's answer as it came, in OpenAI's shape",
    // Within an application's span it is the only one that is left of several requests: each writes over that span.
    // An embedding is sent without what the provider answered.
    recognise: LITELLM_RAW_PROVIDERS.flatMap((provider) => [
      { scope: ['litellm'], name: ['raw_gen_ai_request'], attribute: `llm.${provider}.usage` },
      {
        scope: ['litellm'],
        name: ['raw_gen_ai_request'],
        attribute: `llm.${provider}.model`,
        is: ['*embed*'],
      },
    ]),
    vocabularies: [LITELLM_RAW],
    roles: [
      ...LITELLM_RAW_PROVIDERS.map((provider) => ({
        attribute: `llm.${provider}.object`,
        values: { 'chat.completion': 'call', text_completion: 'call', response: 'call' } as const,
      })),
      ...LITELLM_RAW_PROVIDERS.map((provider) => ({
        attribute: `llm.${provider}.model`,
        values: { '*embed*': 'embed' } as const,
      })),
      { names: { raw_gen_ai_request: 'ignored' } },
    ],
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
  },
  {
    id: 'litellm',
    title: 'LiteLLM `otel` callback',
    recognise: [{ scope: ['litellm'] }, { name: ['litellm_request', 'raw_gen_ai_request'] }],
    vocabularies: [GEN_AI, LITELLM],
    // Told to make no span for the request, the proxy writes usage onto its own; else that one has none, or is a layer.
    roles: [
      { names: { raw_gen_ai_request: 'ignored' } },
      BY_OPERATION,
      { attribute: 'llm.request.type', values: OPERATIONS },
      { names: { litellm_request: 'call' } },
    ],
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
    estimated: COUNTED_STREAMS,
    serves: true,
  },
  {
    id: 'openrouter',
    title: 'OpenRouter Broadcast',
    recognise: [{ scope: ['openrouter', 'openrouter.*'] }, { service: ['openrouter'] }],
    vocabularies: [GEN_AI],
    roles: [{ names: { 'provider attempt*': 'ignored', 'LLM Generation': 'call' } }, BY_OPERATION],
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
    serves: true,
  },
  {
    id: 'portkey',
    title: 'Portkey gateway',
    recognise: [{ service: ['portkey-gateway'] }],
    vocabularies: [GEN_AI],
    roles: [BY_KNOWN_NAME, BY_OPERATION],
    cachedInput: [{ says: 'included' }],
    serves: true,
  },
  {
    id: 'envoy-ai-gateway',
    title: 'Envoy AI Gateway',
    recognise: [{ scope: ['envoyproxy/ai-gateway'] }],
    vocabularies: [OPEN_INFERENCE, GEN_AI],
    roles: [
      { names: { CountTokens: 'ignored' } },
      BY_OPEN_INFERENCE_KIND,
      BY_KNOWN_NAME,
      BY_OPERATION,
      BY_OPEN_INFERENCE_REST,
    ],
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
    serves: true,
  },
  {
    id: 'gateway',
    title: 'Other gateways (Bifrost, Kong, Cloudflare, Helicone, agentgateway)',
    recognise: [
      {
        scope: ['bifrost*', 'agentgateway*', 'kong*', 'cloudflare-ai-gateway*', 'helicone*'],
        attribute: 'gen_ai.request.model',
      },
      {
        service: ['bifrost*', 'agentgateway*', 'kong*', 'cloudflare-ai-gateway*', 'helicone*'],
        attribute: 'gen_ai.request.model',
      },
      // Cloudflare's word for the provider; its spans name no operation.
      { attribute: 'gen_ai.model.provider' },
    ],
    vocabularies: [GEN_AI],
    roles: [BY_KNOWN_NAME, BY_OPERATION, BY_MCP, { attribute: 'gen_ai.model.provider', present: 'call' }],
    cachedInput: [{ says: 'included' }],
    serves: true,
  },
]

import type { Dialect } from '../dialect.ts'
import { BY_KNOWN_NAME, BY_OPERATION } from '../operations.ts'
import { GEN_AI, LITELLM } from '../vocabularies.ts'

/** Gateways see the call from the middle; they bring every provider's numbers into OpenAI's shape. */
export const GATEWAY_ROWS: readonly Dialect[] = [
  {
    id: 'litellm',
    title: 'LiteLLM `otel` callback',
    recognise: [{ scope: ['litellm'] }, { name: ['litellm_request', 'raw_gen_ai_request'] }],
    vocabularies: [GEN_AI, LITELLM],
    roles: [
      {
        names: {
          raw_gen_ai_request: 'ignored',
          'Received Proxy Server Request': 'ignored',
          'POST /*': 'ignored',
          litellm_request: 'call',
        },
      },
      BY_OPERATION,
    ],
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
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
    id: 'gateway',
    title: 'Other gateways (Bifrost, Kong, Cloudflare, agentgateway)',
    recognise: [
      {
        scope: ['bifrost*', 'agentgateway*', 'kong*', 'cloudflare-ai-gateway*'],
        attribute: 'gen_ai.request.model',
      },
    ],
    vocabularies: [GEN_AI],
    roles: [BY_KNOWN_NAME, BY_OPERATION],
    cachedInput: [{ says: 'included' }],
    serves: true,
  },
]

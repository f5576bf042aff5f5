import type { Dialect } from '../dialect.ts'
import { LIVEKIT, PIPECAT, VOLTAGENT } from '../host-vocabularies.ts'
import {
  BY_KNOWN_NAME,
  BY_MCP,
  BY_OPEN_INFERENCE_KIND,
  BY_OPEN_INFERENCE_REST,
  BY_OPERATION,
} from '../operations.ts'
import { GEN_AI, KOOG, OPEN_INFERENCE } from '../vocabularies.ts'
import { GOOGLE, NATIVE } from './models.ts'

const reads = { vocabularies: [GEN_AI], roles: [BY_KNOWN_NAME, BY_OPERATION, BY_MCP] } as const

/** Platforms and runtimes that host agents, and frameworks that tell of calls without their usage. */
export const HOST_ROWS: readonly Dialect[] = [
  {
    id: 'langchain4j',
    title: 'LangChain4j on Quarkus',
    recognise: [
      {
        scope: ['io.quarkus.opentelemetry', 'io.quarkiverse.langchain4j*', 'dev.langchain4j*'],
        attribute: 'gen_ai.operation.name',
      },
      // Its requests have no operation and no provider, only a model.
      {
        scope: ['io.quarkus.opentelemetry', 'io.quarkiverse.langchain4j*', 'dev.langchain4j*'],
        attribute: 'gen_ai.request.model',
      },
    ],
    vocabularies: [GEN_AI],
    roles: [...reads.roles, { names: { 'completion *': 'call' } }],
    cachedInput: [{ says: 'excluded', providers: ['anthropic', 'aws.bedrock'], models: NATIVE }],
    reasoning: [{ says: 'apart', providers: GOOGLE, models: ['gemini-*'] }],
    // It tells neither cached tokens, which Anthropic's input leaves out, nor thoughts, which Google's output does.
    estimated: [
      {
        attribute: 'gen_ai.request.model',
        is: [...NATIVE, 'gemini-*'],
        without: [
          ...GEN_AI.quantities.cacheRead,
          ...GEN_AI.quantities.cacheWrite,
          ...GEN_AI.quantities.reasoning,
        ],
      },
    ],
  },
  {
    id: 'dify',
    title: 'Dify',
    recognise: [{ attribute: 'gen_ai.framework', is: ['dify'] }],
    vocabularies: [GEN_AI],
    roles: [
      BY_KNOWN_NAME,
      BY_OPERATION,
      {
        attribute: 'gen_ai.span.kind',
        values: {
          LLM: 'call',
          EMBEDDING: 'embed',
          TOOL: 'tool',
          AGENT: 'agent',
          RETRIEVER: 'ignored',
          RERANKER: 'priced',
          '*': 'wrapper',
        },
      },
    ],
  },
  {
    id: 'voltagent',
    title: 'VoltAgent (an agent adds up its requests; the span of each tells the last step only)',
    recognise: [{ scope: ['@voltagent/*'] }],
    vocabularies: [VOLTAGENT],
    roles: [
      { attribute: 'span.type', values: { llm: 'ignored', tool: 'tool', '*': 'wrapper' } },
      // Nothing else tells what its requests used. An agent in a tool of another adds up its own.
      { attribute: 'agent.state', present: 'call' },
    ],
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
  },
  {
    id: 'livekit',
    title: 'LiveKit Agents',
    recognise: [{ scope: ['livekit-agents', 'livekit-agents.*'] }],
    vocabularies: [GEN_AI, LIVEKIT],
    // A judgement repeats the usage of the request beneath it.
    roles: [
      { names: { llm_request: 'call', function_tool: 'tool' } },
      BY_OPERATION,
      {
        names: {
          agent_turn: 'wrapper',
          llm_node: 'wrapper',
          llm_request_run: 'wrapper',
          judge_evaluation: 'wrapper',
          tts_request: 'call',
          tts_request_run: 'wrapper',
          tts_node: 'wrapper',
        },
      },
      { attribute: 'lk.tts_metrics', present: 'call' },
    ],
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
  },
  {
    id: 'pipecat',
    title: 'Pipecat',
    recognise: [{ scope: ['pipecat', 'pipecat.*'] }],
    vocabularies: [GEN_AI, PIPECAT],
    roles: [
      {
        attribute: 'gen_ai.operation.name',
        values: {
          llm_setup: 'other',
          llm_request: 'other',
          llm_response: 'call',
          llm_tool_call: 'other',
          llm_tool_result: 'other',
        },
      },
      BY_OPERATION,
    ],
    cachedInput: [{ says: 'excluded', providers: ['anthropic', 'aws.bedrock'] }, { says: 'included' }],
    reasoning: [{ says: 'apart', providers: GOOGLE }, { says: 'included' }],
  },
  {
    id: 'genai-frameworks',
    title: 'Flue, Effect and Eve',
    recognise: [
      { scope: ['@flue/*', 'eve', 'eve.*'] },
      { name: ['LanguageModel.*'], attribute: 'gen_ai.operation.name' },
    ],
    ...reads,
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
  },
  {
    id: 'koog',
    title: 'Koog (before 1.0 it states no usage)',
    // Its scope is called after the application since it has a name of its own to give.
    recognise: [{ scope: ['ai.koog', 'ai.koog.*'] }, { attribute: 'koog.event.id' }],
    vocabularies: [GEN_AI, KOOG],
    roles: [{ names: { 'llm.chat*': 'call' } }, BY_OPERATION],
    cachedInput: [{ says: 'excluded', providers: ['anthropic', 'aws.bedrock'] }, { says: 'included' }],
  },
  {
    id: 'beeai',
    title: 'BeeAI (three spans for one call, no usage)',
    recognise: [
      {
        name: ['backend.*'],
        scope: [
          'beeai*',
          'bee-*',
          'openinference.instrumentation.beeai',
          '@arizeai/openinference-instrumentation-beeai',
        ],
      },
    ],
    vocabularies: [OPEN_INFERENCE, GEN_AI],
    roles: [
      { names: { '*.start': 'ignored', '*.success': 'ignored', '*.finish': 'call' } },
      BY_OPEN_INFERENCE_KIND,
      BY_OPEN_INFERENCE_REST,
    ],
  },
]

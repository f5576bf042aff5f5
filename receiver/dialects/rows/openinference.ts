import type { Dialect } from '../dialect.ts'
import { BY_OPEN_INFERENCE_KIND, BY_OPEN_INFERENCE_REST, BY_OPERATION } from '../operations.ts'
import { GEN_AI, OPEN_INFERENCE } from '../vocabularies.ts'
import { LITELLM_ROUTES, NATIVE } from './models.ts'

const reads = {
  vocabularies: [OPEN_INFERENCE, GEN_AI],
  // LlamaIndex tells of preparing a request as it tells of the request, and Haystack of an agent as of any chain.
  roles: [
    {
      names: { '*._prepare_chat_with_tools': 'ignored', 'Agent.run': 'agent', 'haystack.agent.run': 'agent' },
    },
    BY_OPEN_INFERENCE_KIND,
    BY_OPERATION,
    BY_OPEN_INFERENCE_REST,
  ],
} as const

/** OpenInference (Arize). Its kind attribute decides: a Collector that adds GenAI names calls every chain an agent. */
export const OPENINFERENCE_ROWS: readonly Dialect[] = [
  {
    id: 'openinference-claude-agent',
    title: 'OpenInference, Claude Agent SDK',
    recognise: [
      {
        scope: [
          'openinference.instrumentation.claude_agent_sdk',
          '@arizeai/openinference-instrumentation-claude-agent-sdk',
        ],
      },
    ],
    ...reads,
    cachedInput: [{ says: 'excluded' }],
  },
  {
    id: 'openinference-agno',
    title: 'OpenInference, agno',
    recognise: [{ scope: ['openinference.instrumentation.agno'] }],
    ...reads,
    cachedInput: [{ says: 'excluded', models: NATIVE }],
    // Older versions of agno leave Gemini's thoughts out of the output and the total; no span tells the version.
    estimated: [
      {
        attribute: 'llm.model_name',
        is: ['*gemini*'],
        without: OPEN_INFERENCE.quantities.reasoning,
      },
    ],
  },
  {
    id: 'openinference-smolagents',
    title: 'OpenInference, smolagents (a run repeats the sum of its calls)',
    recognise: [{ scope: ['openinference.instrumentation.smolagents'] }],
    ...reads,
    cachedInput: [{ says: 'included' }],
    wrapperUsage: 'sum',
  },
  {
    id: 'openinference-anthropic',
    title: 'OpenInference, Anthropic in Python',
    recognise: [{ scope: ['openinference.instrumentation.anthropic'] }],
    ...reads,
    cachedInput: [{ says: 'included' }],
    // Of a stream that was left it tells the few tokens of output with which Anthropic begins.
    unfinished: [{ attribute: 'llm.response.model_name', without: ['llm.finish_reason'] }],
  },
  {
    id: 'openinference-bedrock',
    title: 'OpenInference, Bedrock',
    recognise: [{ scope: ['openinference.instrumentation.bedrock'] }],
    ...reads,
    // Once raw numbers, of which Converse's total has the cached tokens beside the input: arithmetic finds those.
    cachedInput: [{ says: 'included' }],
  },
  {
    id: 'openinference-litellm',
    title: "OpenInference, LiteLLM and what asks through it, which put the provider before the model's name",
    recognise: [{ scope: ['openinference.instrumentation.litellm', 'openinference.instrumentation.dspy'] }],
    ...reads,
    cachedInput: [{ says: 'included' }],
    routes: LITELLM_ROUTES,
  },
  {
    id: 'openinference-like',
    title:
      'CrewAI, LlamaIndex, Haystack and DSPy by themselves, in the words of OpenInference or OpenTelemetry',
    recognise: [{ scope: ['crewai.telemetry', 'llamaindex.opentelemetry.tracer', 'haystack*', 'dspy*'] }],
    ...reads,
    cachedInput: [{ says: 'included' }],
  },
  {
    id: 'openinference',
    title: 'OpenInference (Arize), Python and JS',
    recognise: [
      { scope: ['openinference.instrumentation.*', '@arizeai/openinference-*'] },
      { attribute: 'openinference.span.kind' },
    ],
    ...reads,
    cachedInput: [{ says: 'included' }],
  },
]

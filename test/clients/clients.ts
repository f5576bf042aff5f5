import { fileURLToPath } from 'node:url'
import type { Detail } from './verdict.ts'

/** A client and its instrumentation, run by one small program. */
export interface Client {
  /** Also the customer its spans are billed to. */
  readonly name: string
  /** Relative to this folder: a `.mjs` or `.py`, or the folder of what is to be built. */
  readonly program: string
  /** Of Python: the name of a file in python/, each its own environment. */
  readonly python?: string
  /** Where it is built at first: with Go, or with Maven. */
  readonly built?: 'go' | 'java'
  /** The packages whose versions the table shows. */
  readonly packages: readonly string[]
  /** How many of its calls it tells no usage of; none where not given. */
  readonly unmetered?: number
  /** Buckets it does not tell of; none where not given. */
  readonly untold?: readonly Detail[]
  /** How many requests that the provider refused its spans tell like calls that brought nothing; none where not given. */
  readonly unsaidRefusals?: number
  /** How many calls that it left in the middle of their answer, or could not read that of, it makes no span of; none where not given. */
  readonly untoldCutOffs?: number
  /** Whether it calls the tools that models ask for, and makes spans of that. */
  readonly tools?: true
  /** How many sessions its spans name; none where not given. */
  readonly sessions?: number
  readonly env?: Readonly<Record<string, string>>
}

export const FOLDER = fileURLToPath(new URL('.', import.meta.url))

const js = (name: string, packages: readonly string[], more: Partial<Client> = {}): Client => ({
  name,
  program: `programs/${name}.mjs`,
  packages,
  ...more,
})

const WITHOUT_APP_SPAN = { WITHOUT_APP_SPAN: '1' }

export const CLIENTS: readonly Client[] = [
  js('otel-openai', ['@opentelemetry/instrumentation-openai'], {
    program: 'openai-6/otel-openai.mjs',
    untoldCutOffs: 1,
    untold: ['cacheRead', 'reasoning'],
  }),
  js('openinference-openai', ['@arizeai/openinference-instrumentation-openai'], {
    unmetered: 3,
    untoldCutOffs: 1,
  }),
  js('traceloop-openai', ['@traceloop/instrumentation-openai'], {
    unmetered: 2,
    untoldCutOffs: 2,
    untold: ['cacheRead', 'reasoning'],
  }),
  js('anthropic-native', ['@anthropic-ai/sdk']),
  js('anthropic-double', ['@arizeai/openinference-instrumentation-anthropic']),
  js('anthropic-double-apart', ['@arizeai/openinference-instrumentation-anthropic'], {
    program: 'programs/anthropic-double.mjs',
    env: WITHOUT_APP_SPAN,
  }),
  js('vercel-ai-6', ['ai-6'], { tools: true, sessions: 1 }),
  js('vercel-ai-5', ['ai-5'], { tools: true, sessions: 1 }),
  js('vercel-ai-4', ['ai'], {
    program: 'vercel-4/vercel-ai-4.mjs',
    tools: true,
    sessions: 1,
    untoldCutOffs: 3,
  }),
  js('vercel-ai-5-openinference', ['ai-5', '@arizeai/openinference-vercel'], {
    tools: true,
    sessions: 1,
    program: 'programs/vercel-ai-5.mjs',
    env: { OPENINFERENCE: '1' },
  }),
  js('vercel-ai-7', ['ai', '@ai-sdk/otel'], { tools: true, untold: ['reasoning'] }),
  js('langchain-double', ['@langchain/openai', '@arizeai/openinference-instrumentation-langchain'], {
    tools: true,
    unmetered: 1,
  }),
  js('langchain-double-apart', ['@langchain/openai', '@arizeai/openinference-instrumentation-langchain'], {
    tools: true,
    unmetered: 1,
    program: 'programs/langchain-double.mjs',
    env: WITHOUT_APP_SPAN,
  }),
  js('langchain-providers', ['@langchain/google-genai', '@langchain/anthropic'], { tools: true }),
  js('openai-agents', ['@openai/agents', '@arizeai/openinference-instrumentation-openai-agents'], {
    tools: true,
  }),
  js('mastra', ['@mastra/core', '@mastra/otel-exporter'], { tools: true, unsaidRefusals: 1 }),
  js('genkit', ['genkit'], { tools: true }),
  js('genkit-anthropic', ['@genkit-ai/anthropic'], { tools: true }),
  js('langfuse-openai', ['@langfuse/openai'], {
    unmetered: 1,
    untoldCutOffs: 1,
    sessions: 1,
    env: { LANGFUSE_PUBLIC_KEY: 'none', LANGFUSE_SECRET_KEY: 'none' },
  }),
  {
    name: 'openllmetry-openai-py',
    program: 'programs/openllmetry_openai.py',
    python: 'openai',
    packages: ['opentelemetry-instrumentation-openai'],
  },
  {
    name: 'openinference-openai-py',
    sessions: 1,
    program: 'programs/openinference_openai.py',
    python: 'openai',
    packages: ['openinference-instrumentation-openai'],
  },
  {
    name: 'otel-openai-v2-py',
    program: 'programs/otel_openai_v2.py',
    python: 'openai',
    packages: ['opentelemetry-instrumentation-openai-v2'],
    untold: ['cacheRead', 'reasoning'],
  },
  {
    name: 'pydantic-ai-py',
    tools: true,
    sessions: 7,
    program: 'programs/pydantic_ai_agent.py',
    python: 'openai',
    packages: ['pydantic-ai-slim'],
  },
  {
    name: 'google-adk-py',
    tools: true,
    sessions: 6,
    program: 'programs/google_adk.py',
    python: 'google',
    packages: ['google-adk'],
  },
  {
    name: 'strands-py',
    tools: true,
    sessions: 1,
    program: 'programs/strands_agent.py',
    python: 'strands',
    packages: ['strands-agents'],
    untold: ['reasoning'],
  },
  {
    name: 'litellm-py',
    program: 'programs/litellm_otel.py',
    python: 'google',
    packages: ['litellm'],
    env: { LITELLM_LOCAL_MODEL_COST_MAP: 'True' },
  },
  {
    name: 'langchain-double-py',
    tools: true,
    program: 'programs/langchain_double.py',
    python: 'frameworks',
    packages: ['openinference-instrumentation-langchain', 'opentelemetry-instrumentation-langchain'],
  },
  {
    name: 'langchain-double-apart-py',
    tools: true,
    program: 'programs/langchain_double.py',
    python: 'frameworks',
    packages: ['openinference-instrumentation-langchain', 'opentelemetry-instrumentation-langchain'],
    env: WITHOUT_APP_SPAN,
  },
  {
    name: 'anthropic-double-py',
    program: 'programs/anthropic_double.py',
    python: 'frameworks',
    packages: ['anthropic', 'opentelemetry-instrumentation-anthropic'],
  },
  {
    name: 'anthropic-double-apart-py',
    program: 'programs/anthropic_double.py',
    python: 'frameworks',
    packages: ['anthropic', 'opentelemetry-instrumentation-anthropic'],
    env: WITHOUT_APP_SPAN,
  },
  {
    name: 'langfuse-openai-py',
    sessions: 1,
    program: 'programs/langfuse_openai.py',
    python: 'frameworks',
    packages: ['langfuse'],
  },
  {
    name: 'logfire-openai-py',
    program: 'programs/logfire_openai.py',
    python: 'frameworks',
    packages: ['logfire'],
  },
  {
    name: 'llama-index-py',
    tools: true,
    program: 'programs/llama_index_agent.py',
    python: 'frameworks',
    packages: ['openinference-instrumentation-llama-index'],
  },
  {
    name: 'openai-agents-otel-py',
    tools: true,
    program: 'programs/openai_agents_otel.py',
    python: 'agents',
    packages: ['openai-agents', 'opentelemetry-instrumentation-genai-openai-agents'],
  },
  {
    name: 'autogen-double-py',
    tools: true,
    program: 'programs/autogen_double.py',
    python: 'agents',
    packages: ['autogen-agentchat', 'openinference-instrumentation-autogen-agentchat'],
  },
  {
    name: 'instructor-openai-py',
    program: 'programs/instructor_openai.py',
    python: 'agents',
    packages: ['instructor', 'openinference-instrumentation-instructor'],
  },
  {
    name: 'anthropic-go',
    tools: true,
    program: 'go/anthropic',
    built: 'go',
    packages: ['github.com/anthropics/anthropic-sdk-go/v2'],
  },
  {
    name: 'genkit-go',
    tools: true,
    program: 'go/genkit',
    built: 'go',
    packages: ['github.com/firebase/genkit/go'],
  },
  {
    name: 'spring-ai-java',
    tools: true,
    unsaidRefusals: 1,
    untold: ['cacheRead', 'reasoning'],
    program: 'java/spring-ai',
    built: 'java',
    packages: ['spring-ai'],
  },
]

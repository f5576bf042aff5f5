import { fileURLToPath } from 'node:url'
import type { Verdict } from './verdict.ts'

/** A client and its instrumentation, run by one small program. */
export interface Client {
  /** Also the customer its spans are billed to. */
  readonly name: string
  /** Relative to this folder; `.mjs` or `.py`. */
  readonly program: string
  /** Of Python: the name of a file in python/, each its own environment. */
  readonly python?: string
  /** The packages whose versions the table shows. */
  readonly packages: readonly string[]
  /** What this client's spans allow. A worse verdict is a fault. */
  readonly expect: Verdict
  readonly env?: Readonly<Record<string, string>>
}

export const FOLDER = fileURLToPath(new URL('.', import.meta.url))

const js = (
  name: string,
  packages: readonly string[],
  expect: Verdict,
  more: Partial<Client> = {},
): Client => ({
  name,
  program: `programs/${name}.mjs`,
  packages,
  expect,
  ...more,
})

const WITHOUT_APP_SPAN = { WITHOUT_APP_SPAN: '1' }

export const CLIENTS: readonly Client[] = [
  js('otel-openai', ['@opentelemetry/instrumentation-openai'], 'TOTALS', {
    program: 'openai-6/otel-openai.mjs',
  }),
  js('openinference-openai', ['@arizeai/openinference-instrumentation-openai'], 'UNMETERED LISTED'),
  js('traceloop-openai', ['@traceloop/instrumentation-openai'], 'UNMETERED LISTED'),
  js('anthropic-native', ['@anthropic-ai/sdk'], 'EXACT'),
  js('anthropic-double', ['@arizeai/openinference-instrumentation-anthropic'], 'EXACT'),
  js('anthropic-double-apart', ['@arizeai/openinference-instrumentation-anthropic'], 'EXACT', {
    program: 'programs/anthropic-double.mjs',
    env: WITHOUT_APP_SPAN,
  }),
  js('vercel-ai-6', ['ai-6'], 'EXACT'),
  js('vercel-ai-7', ['ai', '@ai-sdk/otel'], 'TOTALS'),
  js('langchain-double', ['@langchain/openai', '@arizeai/openinference-instrumentation-langchain'], 'EXACT'),
  js(
    'langchain-double-apart',
    ['@langchain/openai', '@arizeai/openinference-instrumentation-langchain'],
    'EXACT',
    { program: 'programs/langchain-double.mjs', env: WITHOUT_APP_SPAN },
  ),
  js('openai-agents', ['@openai/agents', '@arizeai/openinference-instrumentation-openai-agents'], 'EXACT'),
  js('mastra', ['@mastra/core', '@mastra/otel-exporter'], 'EXACT'),
  js('genkit', ['genkit'], 'EXACT'),
  js('langfuse-openai', ['@langfuse/openai'], 'UNMETERED LISTED', {
    env: { LANGFUSE_PUBLIC_KEY: 'none', LANGFUSE_SECRET_KEY: 'none' },
  }),
  {
    name: 'openllmetry-openai-py',
    program: 'programs/openllmetry_openai.py',
    python: 'openai',
    packages: ['opentelemetry-instrumentation-openai'],
    expect: 'EXACT',
  },
  {
    name: 'openinference-openai-py',
    program: 'programs/openinference_openai.py',
    python: 'openai',
    packages: ['openinference-instrumentation-openai'],
    expect: 'EXACT',
  },
  {
    name: 'otel-openai-v2-py',
    program: 'programs/otel_openai_v2.py',
    python: 'openai',
    packages: ['opentelemetry-instrumentation-openai-v2'],
    expect: 'TOTALS',
  },
  {
    name: 'pydantic-ai-py',
    program: 'programs/pydantic_ai_agent.py',
    python: 'openai',
    packages: ['pydantic-ai-slim'],
    expect: 'EXACT',
  },
  {
    name: 'google-adk-py',
    program: 'programs/google_adk.py',
    python: 'google',
    packages: ['google-adk'],
    expect: 'EXACT',
  },
  {
    name: 'strands-py',
    program: 'programs/strands_agent.py',
    python: 'strands',
    packages: ['strands-agents'],
    expect: 'TOTALS',
  },
  {
    name: 'litellm-py',
    program: 'programs/litellm_otel.py',
    python: 'google',
    packages: ['litellm'],
    expect: 'EXACT',
    env: { LITELLM_LOCAL_MODEL_COST_MAP: 'True' },
  },
]

import type { Dialect } from '../dialect.ts'
import {
  BY_KNOWN_NAME,
  BY_OPERATION,
  BY_REQUEST,
  BY_REQUEST_TYPE,
  BY_TOOL,
  BY_TRACELOOP_KIND,
} from '../operations.ts'
import { GEN_AI, TRACELOOP } from '../vocabularies.ts'
import { NATIVE_ANTHROPIC, NATIVE_ANTHROPIC_ON_BEDROCK } from './models.ts'

const reads = {
  vocabularies: [GEN_AI, TRACELOOP],
  // Of requests it does not know how to read it tells the model and no operation; LlamaIndex's agents it calls workflows.
  roles: [
    {
      names: {
        'FunctionAgent.workflow': 'agent',
        'ReActAgent.workflow': 'agent',
        'CodeActAgent.workflow': 'agent',
        'AgentWorkflow.workflow': 'agent',
      },
    },
    BY_REQUEST,
    BY_TOOL,
    BY_TRACELOOP_KIND,
    BY_KNOWN_NAME,
    BY_OPERATION,
    BY_REQUEST_TYPE,
    { names: { '*.completion': 'call' } },
  ],
} as const

/**
 * Its Python instrumentations counted OpenAI's streams by themselves, of the text alone, and counted the output with which
 * Anthropic's streams begin once more.
 */
const COUNTED_STREAMS: Dialect['estimated'] = [
  {
    version: ['0.3*', '0.40.*'],
    attribute: 'llm.is_streaming',
    is: ['true'],
    where: { 'gen_ai.system': ['OpenAI', 'openai'] },
  },
  {
    version: ['0.3*', '0.4*', '0.50.*', '0.51.*', '0.52.*', '0.53.*', '0.54.*', '0.55.*', '0.56.*', '0.57.*'],
    attribute: 'llm.is_streaming',
    is: ['true'],
    where: { 'gen_ai.system': ['Anthropic', 'anthropic'] },
  },
]

/**
 * OpenLLMetry (Traceloop). Thoughts of Gemini and Vertex show only in the total, which the arithmetic finds. Its
 * JavaScript instrumentation of Anthropic leaves cached tokens out of the input, the Python one puts them in.
 */
export const OPENLLMETRY_ROWS: readonly Dialect[] = [
  {
    id: 'openllmetry-anthropic-js',
    title: 'OpenLLMetry JS, Anthropic',
    recognise: [{ scope: ['@traceloop/instrumentation-anthropic'] }],
    ...reads,
    cachedInput: [{ says: 'excluded' }],
  },
  {
    id: 'openllmetry-bedrock-py',
    title: 'OpenLLMetry Python, Bedrock',
    recognise: [{ scope: ['opentelemetry.instrumentation.bedrock'] }],
    ...reads,
    cachedInput: [{ says: 'excluded' }],
  },
  {
    id: 'openllmetry-bedrock-js',
    title: 'OpenLLMetry JS, Bedrock',
    recognise: [{ scope: ['@traceloop/instrumentation-bedrock'] }],
    ...reads,
    cachedInput: [
      { says: 'included', models: [...NATIVE_ANTHROPIC_ON_BEDROCK, ...NATIVE_ANTHROPIC] },
      { says: 'excluded' },
    ],
  },
  {
    id: 'openllmetry-agno',
    title: 'OpenLLMetry Python, agno (an agent tells what its calls used, a team nothing)',
    recognise: [{ scope: ['opentelemetry.instrumentation.agno'] }],
    ...reads,
    roles: [{ names: { '*.team': 'agent' } }, ...reads.roles],
    leads: ['*.team'],
    // The sum leaves out what Anthropic and Bedrock cached and, of older versions of agno, what Gemini thought.
    estimated: [{ attribute: 'gen_ai.request.model', is: ['*gemini*', '*claude*', '*nova*'] }],
  },
  {
    id: 'openllmetry',
    title: 'OpenLLMetry (Traceloop), Python and JS',
    recognise: [
      { scope: ['@traceloop/*'] },
      {
        scope: [
          'opentelemetry.instrumentation.openai',
          'opentelemetry.instrumentation.openai.*',
          'opentelemetry.instrumentation.anthropic',
          'opentelemetry.instrumentation.cohere',
          'opentelemetry.instrumentation.google_generativeai',
          'opentelemetry.instrumentation.vertexai',
          'opentelemetry.instrumentation.mistralai',
          'opentelemetry.instrumentation.ollama',
          'opentelemetry.instrumentation.groq',
          'opentelemetry.instrumentation.together',
          'opentelemetry.instrumentation.watsonx',
          'opentelemetry.instrumentation.langchain',
          'opentelemetry.instrumentation.llamaindex',
          'opentelemetry.instrumentation.haystack',
          'opentelemetry.instrumentation.crewai',
        ],
      },
      { attribute: 'traceloop.span.kind' },
      { attribute: 'llm.request.type' },
    ],
    ...reads,
    cachedInput: [{ says: 'included' }],
    estimated: COUNTED_STREAMS,
    // Of LangChain.js it tells the class of a tool where its name belongs.
    nothing: ['DynamicStructuredTool', 'DynamicTool'],
  },
]

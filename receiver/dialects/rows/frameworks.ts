import type { Dialect } from '../dialect.ts'
import { BY_KNOWN_NAME, BY_MCP, BY_OPERATION } from '../operations.ts'
import {
  CODEX,
  GEN_AI,
  GENKIT,
  GOOGLE_ADK,
  OPEN_INFERENCE,
  PYDANTIC_AI,
  SEMANTIC_KERNEL,
  SPRING_AI,
} from '../vocabularies.ts'
import { GOOGLE, NATIVE } from './models.ts'

const reads = { vocabularies: [GEN_AI], roles: [BY_KNOWN_NAME, BY_OPERATION, BY_MCP] } as const

const readsPydanticAi = {
  vocabularies: [GEN_AI, PYDANTIC_AI],
  // The third version of its spans has OpenTelemetry's names for agents and tools, and at first no operation beside them.
  roles: [
    BY_OPERATION,
    {
      names: {
        'agent run': 'agent',
        'invoke_agent *': 'agent',
        'execute_tool *': 'tool',
        'running tool': 'tool',
        'running tool:*': 'tool',
        'running *': 'wrapper',
        '* run': 'agent',
      },
    },
    { attribute: 'gen_ai.aggregated_usage.input_tokens', present: 'agent' },
  ],
  cachedInput: [{ says: 'included' }],
  wrapperUsage: 'sum',
} as const

/** Agent frameworks and command line agents with telemetry of their own. */
export const FRAMEWORK_ROWS: readonly Dialect[] = [
  {
    id: 'pydantic-ai-0',
    title: "pydantic-ai up to 0.7.4, which leaves Gemini's thoughts out of the output",
    recognise: [
      {
        scope: ['pydantic-ai'],
        version: [
          '0.0.*',
          '0.1.*',
          '0.2.*',
          '0.3.*',
          '0.4.*',
          '0.5.*',
          '0.6.*',
          '0.7.0',
          '0.7.1',
          '0.7.2',
          '0.7.3',
          '0.7.4',
        ],
      },
    ],
    ...readsPydanticAi,
    reasoning: [{ says: 'apart', providers: GOOGLE }, { says: 'included' }],
  },
  {
    id: 'pydantic-ai',
    title: 'pydantic-ai and Logfire',
    recognise: [{ scope: ['pydantic-ai'] }],
    ...readsPydanticAi,
    reasoning: [{ says: 'included' }],
  },
  {
    id: 'google-adk',
    title: 'Google Agent Development Kit',
    recognise: [{ scope: ['gcp.vertex.agent'] }],
    vocabularies: [GEN_AI, GOOGLE_ADK],
    // Tools and sub-agents hang under the call that asked for them; "merged tools" is no tool, but a boundary.
    roles: [
      {
        names: { call_llm: 'call', 'execute_tool (merged tools)': 'agent', 'execute_tool (merged)': 'agent' },
      },
      BY_OPERATION,
      {
        names: {
          'generate_content *': 'call',
          'execute_tool *': 'tool',
          'invoke_agent *': 'agent',
          'agent_run *': 'agent',
          invocation: 'wrapper',
        },
      },
    ],
    cachedInput: [{ says: 'excluded', models: NATIVE }, { says: 'included' }],
  },
  {
    id: 'strands',
    title: 'AWS Strands Agents',
    recognise: [
      { scope: ['strands.telemetry.tracer', 'strands-agents', 'strands.*'] },
      { attribute: 'gen_ai.system', is: ['strands-agents'] },
      { attribute: 'gen_ai.provider.name', is: ['strands-agents'] },
    ],
    vocabularies: [GEN_AI],
    roles: [BY_OPERATION, { names: { execute_event_loop_cycle: 'wrapper' } }],
    cachedInput: [{ says: 'excluded', models: NATIVE }, { says: 'included' }],
    wrapperUsage: 'lifetime',
  },
  {
    id: 'agent-framework',
    title: 'Microsoft Agent Framework',
    recognise: [{ scope: ['agent_framework', 'Experimental.Microsoft.Agents.AI*'] }],
    ...reads,
    cachedInput: [{ says: 'excluded', models: NATIVE }, { says: 'included' }],
    wrapperUsage: 'sum',
  },
  {
    id: 'extensions-ai',
    title: '.NET Microsoft.Extensions.AI',
    recognise: [{ scope: ['Experimental.Microsoft.Extensions.AI', 'Microsoft.Extensions.AI'] }],
    ...reads,
    cachedInput: [{ says: 'included' }],
    wrapperUsage: 'sum',
  },
  {
    id: 'semantic-kernel',
    title: 'Semantic Kernel',
    recognise: [{ scope: ['Microsoft.SemanticKernel*', 'semantic_kernel*', 'SemanticKernel'] }],
    vocabularies: [GEN_AI, SEMANTIC_KERNEL],
    roles: [...reads.roles, { names: { 'function_invocation *': 'tool' } }],
    cachedInput: [{ says: 'included' }],
  },
  {
    id: 'spring-ai',
    title: 'Spring AI',
    recognise: [
      { scope: ['org.springframework.boot'], attribute: 'gen_ai.operation.name' },
      { attribute: 'spring.ai.kind' },
    ],
    vocabularies: [GEN_AI, SPRING_AI],
    roles: [
      BY_KNOWN_NAME,
      BY_OPERATION,
      {
        attribute: 'spring.ai.kind',
        values: { chat_client: 'wrapper', advisor: 'wrapper', tool_call: 'tool', '*': 'other' },
      },
      BY_MCP,
    ],
    cachedInput: [{ says: 'excluded', providers: ['anthropic', 'aws.bedrock'] }],
    reasoning: [{ says: 'apart', providers: GOOGLE }],
    // The scope's version is that of Spring Boot: with 3 there is Spring AI 1 only, which adds up from call to call. With
    // 4 there may be 2.0.0, which does so too, or a later one, which does not.
    cumulative: { scopeVersions: ['3.*'] },
    nothing: ['none'],
    // Cached tokens stand beside the input, or nowhere: Spring AI 1 passes over them, and 2 does where it adds up a stream.
    estimated: [
      {
        attribute: 'gen_ai.system',
        is: ['anthropic', 'bedrock_converse'],
        without: [...GEN_AI.quantities.cacheRead, ...GEN_AI.quantities.cacheWrite],
      },
    ],
  },
  {
    id: 'mastra',
    title: 'Mastra',
    recognise: [{ scope: ['@mastra/*', 'mastra*'] }],
    vocabularies: [GEN_AI, OPEN_INFERENCE],
    roles: [
      ...reads.roles,
      // Its exporter to Arize writes OpenInference's words only, in which every step of a request is called LLM.
      {
        attribute: 'mastra.span.type',
        values: {
          model_generation: 'call',
          model_inference: 'call',
          tool_call: 'tool',
          mcp_tool_call: 'tool',
          agent_run: 'agent',
          '*': 'wrapper',
        },
      },
    ],
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
    wrapperUsage: 'sum',
  },
  {
    id: 'genkit',
    title: 'Genkit',
    recognise: [{ scope: ['genkit-tracer'] }, { attribute: 'genkit:type' }],
    vocabularies: [GENKIT, GEN_AI],
    roles: [
      {
        attribute: 'genkit:metadata:subtype',
        values: { model: 'call', embedder: 'embed', tool: 'tool', 'tool.*': 'tool', '*': 'wrapper' },
      },
      { attribute: 'genkit:type', present: 'wrapper' },
    ],
    cachedInput: [{ says: 'excluded', providers: ['anthropic'] }, { says: 'included' }],
    reasoning: [{ says: 'apart' }],
    routes: {
      'googleai/': 'gcp.gemini',
      'vertexai/': 'gcp.vertex_ai',
      'openai/': 'openai',
      'anthropic/': 'anthropic',
      'mistral/': 'mistral_ai',
      'deepseek/': 'deepseek',
      'xai/': 'x_ai',
    },
    // Its plugin for Anthropic in Go passes over cached tokens, which the input leaves out.
    estimated: [
      { resource: 'telemetry.sdk.language', is: ['go'], where: { 'genkit:name': ['anthropic/*'] } },
    ],
  },
  {
    id: 'codex',
    title: 'Codex CLI',
    // Its service is called after whatever started it: a terminal, an editor, an application's server.
    recognise: [
      { service: ['codex', 'codex_*', 'codex-*', 'Codex *'] },
      { name: ['session_task.turn'] },
      { name: ['handle_responses'], attribute: 'gen_ai.usage.input_tokens' },
      { attribute: 'codex.usage.total_tokens' },
    ],
    vocabularies: [GEN_AI, CODEX],
    // Every event of an answer has a span, called after what it is; the one that tells usage stands for the request.
    roles: [
      { names: { 'session_task.turn': 'agent' } },
      { attribute: 'codex.usage.total_tokens', present: 'call' },
      { attribute: 'gen_ai.usage.input_tokens', present: 'call' },
      { names: { handle_responses: 'other' } },
      BY_OPERATION,
    ],
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
    wrapperUsage: 'sum',
    modelOfWrapper: true,
  },
  {
    id: 'gemini-cli',
    title: 'Gemini CLI',
    recognise: [{ service: ['gemini-cli'] }],
    ...reads,
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'apart' }],
    // Its models think. Thoughts stand beside the output, or in its logs only.
    estimated: [{ attribute: GEN_AI.quantities.output[0], without: GEN_AI.quantities.reasoning }],
  },
  {
    id: 'n8n',
    title: 'n8n agents',
    recognise: [{ scope: ['@n8n/*'] }],
    vocabularies: [GEN_AI],
    roles: [BY_OPERATION, { names: { '*.generate': 'agent', '*.stream': 'agent' } }],
  },
]

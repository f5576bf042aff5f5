import type { Dialect } from '../dialect.ts'
import { BY_KNOWN_NAME, BY_MCP, BY_OPEN_INFERENCE_KIND, BY_OPERATION } from '../operations.ts'
import { CODEX, GEN_AI, OPEN_INFERENCE, PYDANTIC_AI } from '../vocabularies.ts'
import { GOOGLE, NATIVE } from './models.ts'

const reads = { vocabularies: [GEN_AI], roles: [BY_KNOWN_NAME, BY_OPERATION, BY_MCP] } as const

/** Agent frameworks and command line agents with telemetry of their own. */
export const FRAMEWORK_ROWS: readonly Dialect[] = [
  {
    id: 'pydantic-ai',
    title: 'pydantic-ai and Logfire',
    recognise: [{ scope: ['pydantic-ai'] }],
    vocabularies: [GEN_AI, PYDANTIC_AI],
    roles: [
      BY_OPERATION,
      {
        names: {
          'agent run': 'agent',
          'running tool': 'tool',
          'running tool:*': 'tool',
          'running *': 'wrapper',
          '* run': 'agent',
        },
      },
      { attribute: 'gen_ai.aggregated_usage.input_tokens', present: 'agent' },
    ],
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
    wrapperUsage: 'sum',
  },
  {
    id: 'google-adk',
    title: 'Google Agent Development Kit',
    recognise: [{ scope: ['gcp.vertex.agent'] }],
    vocabularies: [GEN_AI],
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
    recognise: [{ scope: ['Microsoft.SemanticKernel*', 'semantic_kernel*'] }],
    ...reads,
    cachedInput: [{ says: 'included' }],
  },
  {
    id: 'spring-ai',
    title: 'Spring AI',
    recognise: [
      { scope: ['org.springframework.boot'], attribute: 'gen_ai.operation.name' },
      { attribute: 'spring.ai.kind' },
    ],
    ...reads,
    cachedInput: [{ says: 'excluded', providers: ['anthropic', 'aws.bedrock'] }],
    reasoning: [{ says: 'apart', providers: GOOGLE }],
  },
  {
    id: 'mastra',
    title: 'Mastra',
    recognise: [{ scope: ['@mastra/*', 'mastra*'] }],
    ...reads,
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
    wrapperUsage: 'sum',
  },
  {
    id: 'genkit',
    title: 'Genkit (its usage stands inside contents, which are not read: calls come out as unmetered)',
    recognise: [{ scope: ['genkit-tracer'] }, { attribute: 'genkit:type' }],
    ...reads,
    roles: [
      {
        attribute: 'genkit:metadata:subtype',
        values: { model: 'call', embedder: 'embed', tool: 'tool', '*': 'wrapper' },
      },
      { attribute: 'genkit:type', present: 'wrapper' },
    ],
  },
  {
    id: 'codex',
    title: 'Codex CLI',
    recognise: [{ service: ['codex', 'codex_*'] }],
    vocabularies: [GEN_AI, CODEX],
    roles: [{ names: { handle_responses: 'call', 'session_task.turn': 'wrapper' } }, BY_OPERATION],
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'included' }],
    wrapperUsage: 'sum',
  },
  {
    id: 'gemini-cli',
    title: 'Gemini CLI',
    recognise: [{ service: ['gemini-cli'] }],
    ...reads,
    cachedInput: [{ says: 'included' }],
    reasoning: [{ says: 'apart' }],
  },
  {
    id: 'n8n',
    title: 'n8n agents',
    recognise: [{ scope: ['@n8n/*'] }],
    vocabularies: [GEN_AI],
    roles: [BY_OPERATION, { names: { '*.generate': 'agent', '*.stream': 'agent' } }],
  },
  {
    id: 'dify',
    title: 'Dify',
    recognise: [{ attribute: 'gen_ai.framework', is: ['dify'] }],
    ...reads,
  },
  {
    id: 'koog',
    title: 'Koog (states no usage)',
    recognise: [{ scope: ['ai.koog', 'ai.koog.*'] }],
    vocabularies: [GEN_AI],
    roles: [{ names: { 'llm.chat*': 'call' } }, BY_OPERATION],
  },
  {
    id: 'beeai',
    title: 'BeeAI (three spans for one call, no usage)',
    recognise: [{ name: ['backend.*'], scope: ['beeai*', 'bee-*'] }],
    vocabularies: [GEN_AI, OPEN_INFERENCE],
    roles: [
      { names: { '*.start': 'ignored', '*.success': 'ignored', '*.finish': 'call' } },
      BY_OPEN_INFERENCE_KIND,
    ],
  },
]

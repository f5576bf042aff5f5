import type { Pattern, RoleRule, SpanRole } from './dialect.ts'

/**
 * Operation names of OpenTelemetry's GenAI conventions, and those met in the wild under the same attribute. A request for
 * a picture, speech or a transcript is a call too: where it states neither tokens nor units it is listed, not lost.
 */
export const OPERATIONS: Readonly<Record<string, SpanRole>> = {
  chat: 'call',
  generate_content: 'call',
  agenerate_content: 'call',
  generate_content_stream: 'call',
  agenerate_content_stream: 'call',
  text_completion: 'call',
  atext_completion: 'call',
  completion: 'call',
  acompletion: 'call',
  responses: 'call',
  aresponses: 'call',
  anthropic_messages: 'call',
  aanthropic_messages: 'call',
  llm_call: 'call',
  'chat.completions': 'call',
  'chat.streaming_completions': 'call',
  'text.completions': 'call',
  'generate-live-content': 'call',
  realtime: 'call',
  _arealtime: 'call',
  image: 'call',
  image_generation: 'call',
  aimage_generation: 'call',
  image_edit: 'call',
  aimage_edit: 'call',
  audio: 'call',
  speech: 'call',
  aspeech: 'call',
  tts: 'call',
  text_to_speech: 'call',
  stt: 'call',
  speech_to_text: 'call',
  speech_to_text_translate: 'call',
  transcription: 'call',
  atranscription: 'call',
  video_generation: 'call',
  create_video: 'call',
  acreate_video: 'call',
  ocr: 'call',
  aocr: 'call',
  embeddings: 'embed',
  embedding: 'embed',
  aembedding: 'embed',
  execute_tool: 'tool',
  fetch_response: 'fetch',
  invoke_agent: 'agent',
  execute_task: 'agent',
  agent_step: 'wrapper',
  invoke_workflow: 'wrapper',
  model_generation: 'wrapper',
  model_step: 'wrapper',
  model_chunk: 'wrapper',
  plan: 'plan',
  WORKFLOW: 'wrapper',
  TASK: 'wrapper',
  create_agent: 'ignored',
  count_tokens: 'ignored',
  moderation: 'ignored',
  amoderation: 'ignored',
  rerank: 'priced',
  arerank: 'priced',
}

export const OPERATION = 'gen_ai.operation.name'

/** Operations that ask no model for anything, though their spans may name one. */
export const NO_REQUESTS: readonly Pattern[] = [
  'retrieval',
  'vectordb',
  '*memory*',
  '*guardrail*',
  'handoff',
  'fine_tuning',
  'file',
  'batch',
]

export const BY_OPERATION: RoleRule = { attribute: OPERATION, values: OPERATIONS }

/** The Model Context Protocol's tool call, seen from the client or the server. */
export const BY_MCP: RoleRule = {
  attribute: 'mcp.method.name',
  values: { 'tools/call': 'tool', '*': 'other' },
}

export const BY_OPEN_INFERENCE_KIND: RoleRule = {
  attribute: 'openinference.span.kind',
  values: {
    LLM: 'call',
    EMBEDDING: 'embed',
    TOOL: 'tool',
    AGENT: 'agent',
    CHAIN: 'wrapper',
    TOKEN_COUNTER: 'ignored',
  },
}

/** Kinds that are no request of themselves; an operation name on the span comes before them. */
export const BY_OPEN_INFERENCE_REST: RoleRule = {
  attribute: 'openinference.span.kind',
  values: {
    RETRIEVER: 'ignored',
    RERANKER: 'priced',
    PROMPT: 'ignored',
    GUARDRAIL: 'ignored',
    EVALUATOR: 'ignored',
    '*': 'wrapper',
  },
}

export const BY_TRACELOOP_KIND: RoleRule = {
  attribute: 'traceloop.span.kind',
  values: { tool: 'tool', agent: 'agent', workflow: 'wrapper', task: 'wrapper', '*': 'wrapper' },
}

/** A workflow or a task that is a request all the same, as its operation says. */
export const BY_REQUEST: RoleRule = {
  attribute: OPERATION,
  values: Object.fromEntries(
    Object.entries(OPERATIONS).filter(([, role]) => role === 'call' || role === 'embed'),
  ),
}

/** A task that executes a tool, as its operation says. */
export const BY_TOOL: RoleRule = { attribute: OPERATION, values: { execute_tool: 'tool' } }

/** OpenLLMetry's word for a request, on spans that may have no operation name. */
export const BY_REQUEST_TYPE: RoleRule = {
  attribute: 'llm.request.type',
  values: { chat: 'call', completion: 'call', embedding: 'embed', rerank: 'priced', '*': 'call' },
}

const AI_OPERATIONS: Readonly<Record<Pattern, SpanRole>> = {
  '*.doGenerate': 'call',
  '*.doStream': 'call',
  '*.doEmbed': 'embed',
  '*.doRerank': 'priced',
  'ai.toolCall': 'tool',
  'ai.*': 'wrapper',
}

/** The AI SDK: what ends in `do…` is a request, everything else under `ai.` goes round requests. */
export const BY_AI_OPERATION: RoleRule = { attribute: 'ai.operationId', values: AI_OPERATIONS }

/** Its oldest spans have no such attribute; they are called the same. */
export const BY_AI_NAME: RoleRule = { names: AI_OPERATIONS }

/** Spans without an operation name that carry usage all the same, and count requests that consume nothing. */
export const BY_KNOWN_NAME: RoleRule = {
  names: {
    orchestrate_tools: 'wrapper',
    'agent run': 'agent',
    raw_gen_ai_request: 'ignored',
    'Received Proxy Server Request': 'ignored',
    '*count_tokens': 'ignored',
    '*responses.retrieve': 'fetch',
    '*runs.retrieve': 'fetch',
  },
}

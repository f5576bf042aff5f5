import { randomBytes } from 'node:crypto'

/** Stands wherever a client puts contents. */
export const SECRET = 'the secret of a prompt'

/** A call whose client tells its usage inside JSON only, among contents, and what it must come out as. */
export interface KeptInJson {
  readonly dialect: string
  readonly traceId: string
  readonly request: object
  readonly usage: Readonly<Record<string, string>>
  readonly model: string
}

export const KEPT_IN_JSON: readonly KeptInJson[] = [
  {
    dialect: 'Genkit',
    ...oneSpan('genkit-tracer', 'gemini-2.5-flash', {
      'genkit:type': 'action',
      'genkit:metadata:subtype': 'model',
      'genkit:name': 'googleai/gemini-2.5-flash',
      'genkit:input': SECRET,
      'genkit:output': JSON.stringify({
        message: { role: 'model', content: [{ text: SECRET }] },
        usage: { inputTokens: 100, outputTokens: 20, thoughtsTokens: 5, cachedContentTokens: 40 },
      }),
    }),
    usage: { input_tokens: '100', cache_read_tokens: '40', output_tokens: '25', reasoning_tokens: '5' },
    model: 'gemini-2.5-flash',
  },
  {
    dialect: 'the Agent Development Kit',
    ...oneSpan('gcp.vertex.agent', 'call_llm', {
      'gen_ai.operation.name': 'generate_content',
      'gen_ai.system': 'gcp.vertex.agent',
      'gen_ai.request.model': 'gemini-2.5-flash',
      'gcp.vertex.agent.llm_request': SECRET,
      'gcp.vertex.agent.llm_response': JSON.stringify({
        content: { parts: [{ text: SECRET }], role: 'model' },
        usage_metadata: {
          prompt_token_count: 100,
          candidates_token_count: 20,
          thoughts_token_count: 5,
          cached_content_token_count: 40,
          total_token_count: 125,
        },
      }),
    }),
    usage: { input_tokens: '100', cache_read_tokens: '40', output_tokens: '25', reasoning_tokens: '5' },
    model: 'gemini-2.5-flash',
  },
  {
    dialect: 'Langfuse',
    ...oneSpan('langfuse-sdk', 'OpenAI-generation', {
      'langfuse.observation.type': 'generation',
      'langfuse.observation.model.name': 'gpt-4o-mini',
      'langfuse.observation.input': SECRET,
      'langfuse.observation.output': JSON.stringify({ content: SECRET }),
      'langfuse.observation.usage_details': JSON.stringify({
        input: 60,
        input_cached_tokens: 40,
        output: 20,
        output_reasoning_tokens: 5,
        total: 125,
      }),
    }),
    usage: { input_tokens: '100', cache_read_tokens: '40', output_tokens: '25', reasoning_tokens: '5' },
    model: 'gpt-4o-mini',
  },
  {
    dialect: 'MLflow',
    ...oneSpan('mlflow', 'Completions', {
      'mlflow.spanType': JSON.stringify('CHAT_MODEL'),
      'mlflow.llm.model': JSON.stringify('gpt-4o-mini'),
      'mlflow.llm.provider': JSON.stringify('openai'),
      'mlflow.spanInputs': JSON.stringify({ messages: [SECRET] }),
      'mlflow.spanOutputs': JSON.stringify({ choices: [SECRET] }),
      'mlflow.chat.tokenUsage': JSON.stringify({ input_tokens: 100, output_tokens: 25, total_tokens: 125 }),
    }),
    usage: { input_tokens: '100', output_tokens: '25' },
    model: 'gpt-4o-mini',
  },
  {
    dialect: 'Koog',
    ...oneSpan('support-agent', 'chat claude-sonnet-4-5', {
      'koog.event.id': '9e7522f2-a27b-410f-760f-f69b6a119498',
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'anthropic',
      'gen_ai.request.model': 'claude-sonnet-4-5',
      'gen_ai.input.messages': SECRET,
      'gen_ai.usage.input_tokens': '60',
      'gen_ai.usage.output_tokens': '25',
      'gen_ai.response.metadata': JSON.stringify({ note: SECRET, cacheReadInputTokens: 40 }),
    }),
    usage: { input_tokens: '100', cache_read_tokens: '40', output_tokens: '25' },
    model: 'claude-sonnet-4-5',
  },
  {
    dialect: 'the AI SDK',
    ...oneSpan('ai', 'ai.generateText.doGenerate', {
      'ai.operationId': 'ai.generateText.doGenerate',
      'ai.model.id': 'claude-sonnet-4-5',
      'ai.model.provider': 'anthropic.messages',
      'ai.prompt.messages': JSON.stringify([{ role: 'user', content: SECRET }]),
      'ai.response.text': SECRET,
      'ai.usage.inputTokens': 100,
      'ai.usage.outputTokens': 25,
      'ai.usage.cachedInputTokens': 40,
      'ai.response.providerMetadata': JSON.stringify({
        anthropic: {
          usage: {
            input_tokens: 50,
            cache_creation_input_tokens: 10,
            cache_read_input_tokens: 40,
            output_tokens: 25,
          },
          container: { text: SECRET },
        },
      }),
    }),
    usage: { input_tokens: '100', cache_read_tokens: '40', cache_write_tokens: '10', output_tokens: '25' },
    model: 'claude-sonnet-4-5',
  },
  {
    dialect: 'LangChain',
    ...oneSpan('@arizeai/openinference-instrumentation-langchain', 'ChatAnthropic', {
      'openinference.span.kind': 'LLM',
      'llm.token_count.prompt': 100,
      'llm.token_count.completion': 25,
      'llm.token_count.total': 125,
      'llm.token_count.prompt_details.cache_read': 40,
      'input.value': SECRET,
      metadata: JSON.stringify({
        ls_provider: 'anthropic',
        ls_model_name: 'claude-opus-4-5',
        note: SECRET,
      }),
      'output.value': JSON.stringify({
        generations: [
          [
            {
              text: SECRET,
              message: {
                kwargs: {
                  content: SECRET,
                  usage_metadata: {
                    input_tokens: 100,
                    output_tokens: 25,
                    total_tokens: 125,
                    input_token_details: { cache_creation: 10, cache_read: 40 },
                  },
                },
              },
            },
          ],
        ],
      }),
    }),
    usage: { input_tokens: '100', cache_read_tokens: '40', cache_write_tokens: '10', output_tokens: '25' },
    model: 'claude-opus-4-5',
  },
]

function oneSpan(
  scope: string,
  name: string,
  attributes: Readonly<Record<string, string | number>>,
): Pick<KeptInJson, 'traceId' | 'request'> {
  const traceId = randomBytes(16).toString('hex')
  const endMs = Date.now()
  const span = {
    traceId,
    spanId: randomBytes(8).toString('hex'),
    name,
    kind: 3,
    startTimeUnixNano: `${endMs - 500}000000`,
    endTimeUnixNano: `${endMs}000000`,
    attributes: Object.entries(attributes).map(([key, value]) => ({
      key,
      value: typeof value === 'string' ? { stringValue: value } : { intValue: String(value) },
    })),
    events: [
      {
        timeUnixNano: `${endMs}000000`,
        name: 'gen_ai.content.prompt',
        attributes: [{ key: 'gen_ai.prompt', value: { stringValue: SECRET } }],
      },
    ],
    status: { code: 1, message: SECRET },
  }
  // Equal calls of one process at one time, told by two scopes, would be one call.
  const resource = {
    attributes: [
      { key: 'service.name', value: { stringValue: scope } },
      { key: 'process.command_line', value: { stringValue: SECRET } },
    ],
  }
  return {
    traceId,
    request: { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: scope }, spans: [span] }] }] },
  }
}

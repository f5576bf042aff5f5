import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { Served } from './ledger.ts'
import { ANSWER, CREATED, TOOL_ARGUMENTS } from './said.ts'
import type { Answer, Question } from './server.ts'

const responsesRequest = z.object({
  model: z.string(),
  stream: z.boolean().nullish(),
  tools: z.array(z.object({ name: z.string().optional(), type: z.string() })).nullish(),
  input: z.union([z.string(), z.array(z.object({ type: z.string().optional() }))]),
})

/** `POST /v1/responses`. The first of its functions is called once, then it answers. */
export function answerResponses({ client, body, ledger }: Question): Answer {
  const request = responsesRequest.parse(body)
  const hasResult =
    Array.isArray(request.input) && request.input.some((item) => item.type === 'function_call_output')
  const tool = hasResult ? undefined : request.tools?.find((each) => each.type === 'function')
  const served = ledger.enter({
    client,
    kind: 'chat',
    model: request.model,
    idPrefix: 'resp_',
    tellsReasoning: true,
    isStream: request.stream === true,
    asksTool: tool !== undefined,
  })
  const item = tool ? functionCall(tool.name!) : message()
  const done = response(served, 'completed', [item], request.tools ?? [])
  if (!request.stream) return { json: done }
  const begun = { ...response(served, 'in_progress', [], request.tools ?? []), usage: null }
  const events = [
    { type: 'response.created', response: begun },
    { type: 'response.output_item.added', output_index: 0, item: { ...item, ...emptied(item) } },
    ...(item.type === 'message' ? textEvents(item) : argumentEvents(item)),
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response: done },
  ]
  return {
    events: events.map((event, i) => ({ event: event.type, data: { ...event, sequence_number: i } })),
  }
}

type Item = ReturnType<typeof message> | ReturnType<typeof functionCall>

function message() {
  const content = [{ type: 'output_text', text: ANSWER.join(''), annotations: [], logprobs: [] }]
  return { type: 'message', id: id('msg_'), status: 'completed', role: 'assistant', content } as const
}

function functionCall(name: string) {
  const call = { call_id: id('call_'), name, arguments: JSON.stringify(TOOL_ARGUMENTS) }
  return { type: 'function_call', id: id('fc_'), status: 'completed', ...call } as const
}

/** The item as it is when the stream announces it. */
function emptied(item: Item): object {
  const hollow = item.type === 'message' ? { content: [] } : { arguments: '' }
  return { ...hollow, status: 'in_progress' }
}

function textEvents(item: ReturnType<typeof message>) {
  const at = { item_id: item.id, output_index: 0, content_index: 0 }
  const [part] = item.content
  return [
    { type: 'response.content_part.added', ...at, part: { ...part, text: '' } },
    ...ANSWER.map((delta) => ({ type: 'response.output_text.delta', ...at, delta, logprobs: [] })),
    { type: 'response.output_text.done', ...at, text: part!.text, logprobs: [] },
    { type: 'response.content_part.done', ...at, part },
  ]
}

function argumentEvents(item: ReturnType<typeof functionCall>) {
  const at = { item_id: item.id, output_index: 0 }
  return [
    { type: 'response.function_call_arguments.delta', ...at, delta: item.arguments },
    {
      type: 'response.function_call_arguments.done',
      ...at,
      name: item.name,
      arguments: item.arguments,
    },
  ]
}

function response(served: Served, status: string, output: readonly object[], tools: readonly object[]) {
  return {
    id: served.responseId,
    object: 'response',
    created_at: CREATED,
    status,
    model: served.model,
    output,
    tools,
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    service_tier: 'default',
    store: true,
    temperature: 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    top_p: 1,
    truncation: 'disabled',
    usage: {
      input_tokens: served.input,
      input_tokens_details: { cached_tokens: served.cacheRead, cache_write_tokens: 0 },
      output_tokens: served.output,
      output_tokens_details: { reasoning_tokens: served.reasoning },
      total_tokens: served.input + served.output,
    },
  }
}

function id(prefix: string): string {
  return prefix + randomBytes(16).toString('hex')
}

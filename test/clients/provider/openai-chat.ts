import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { Served } from './ledger.ts'
import { ANSWER, CREATED, TOOL_ARGUMENTS } from './said.ts'
import type { Answer, Question } from './server.ts'

const chatRequest = z.object({
  model: z.string(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  tools: z.array(z.object({ function: z.object({ name: z.string() }) })).nullish(),
  messages: z.array(z.object({ role: z.string() })).min(1),
})

const embeddingsRequest = z.object({
  model: z.string(),
  input: z.union([z.string(), z.array(z.unknown())]),
  encoding_format: z.string().nullish(),
})

/** `POST /v1/chat/completions`. The first of its tools is called once, then it answers. */
export function answerChat({ client, body, ledger }: Question): Answer {
  const request = chatRequest.parse(body)
  const tool = request.messages.some((message) => message.role === 'tool') ? undefined : request.tools?.[0]
  const served = ledger.enter({
    client,
    kind: 'chat',
    model: request.model,
    idPrefix: 'chatcmpl-',
    tellsReasoning: true,
    isStream: request.stream === true,
    asksTool: tool !== undefined,
  })
  const deltas = tool ? toolDeltas(tool.function.name) : textDeltas()
  const finish = tool ? 'tool_calls' : 'stop'
  if (!request.stream) {
    const message = tool ? withoutIndex(deltas[0]!) : { role: 'assistant', content: ANSWER.join('') }
    const choices = [
      { index: 0, message: { refusal: null, ...message }, finish_reason: finish, logprobs: null },
    ]
    return { json: { ...head(served, 'chat.completion'), choices, usage: chatUsage(served) } }
  }
  const chunk = (choices: object[], rest: object = {}) => ({
    data: { ...head(served, 'chat.completion.chunk'), choices, ...rest },
  })
  const usage = request.stream_options?.include_usage ? [chunk([], { usage: chatUsage(served) })] : []
  return {
    events: [
      ...deltas.map((delta) => chunk([{ index: 0, delta, finish_reason: null }])),
      chunk([{ index: 0, delta: {}, finish_reason: finish }]),
      ...usage,
      { data: '[DONE]' },
    ],
  }
}

/** `POST /v1/embeddings`. */
export function answerEmbeddings({ client, body, ledger }: Question): Answer {
  const request = embeddingsRequest.parse(body)
  const served = ledger.enter({ client, kind: 'embedding', model: request.model, idPrefix: 'emb-' })
  const vector = new Float32Array([0.25, -0.5, 0.125])
  const embedding =
    request.encoding_format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector]
  const count = Array.isArray(request.input) ? request.input.length : 1
  const data = Array.from({ length: count }, (_, index) => ({ object: 'embedding', index, embedding }))
  const usage = { prompt_tokens: served.input, total_tokens: served.input }
  return { json: { object: 'list', model: served.model, data, usage } }
}

function head(served: Served, object: string): object {
  return { id: served.responseId, object, created: CREATED, model: served.model, service_tier: 'default' }
}

function chatUsage(served: Served): object {
  return {
    prompt_tokens: served.input,
    completion_tokens: served.output,
    total_tokens: served.input + served.output,
    prompt_tokens_details: { cached_tokens: served.cacheRead, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: served.reasoning, audio_tokens: 0 },
  }
}

interface Delta {
  readonly role?: string
  readonly content: string | null
  readonly tool_calls?: readonly { readonly index: number; readonly id: string }[]
}

function textDeltas(): Delta[] {
  return ANSWER.map((content, i) => ({ ...(i === 0 && { role: 'assistant' }), content }))
}

function toolDeltas(name: string): Delta[] {
  const call = {
    index: 0,
    id: `call_${randomBytes(12).toString('hex')}`,
    type: 'function',
    function: { name, arguments: JSON.stringify(TOOL_ARGUMENTS) },
  }
  return [{ role: 'assistant', content: null, tool_calls: [call] }]
}

/** Tool calls are numbered in a stream only. */
function withoutIndex(delta: Delta): object {
  return { ...delta, tool_calls: delta.tool_calls?.map(({ index: _, ...call }) => call) }
}

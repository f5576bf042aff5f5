import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { Served } from './ledger.ts'
import { ANSWER, TOOL_ARGUMENTS } from './said.ts'
import type { Answer, Question } from './server.ts'

const messagesRequest = z.object({
  model: z.string(),
  stream: z.boolean().nullish(),
  max_tokens: z.number(),
  tools: z.array(z.object({ name: z.string() })).nullish(),
  messages: z
    .array(z.object({ content: z.union([z.string(), z.array(z.object({ type: z.string() }))]) }))
    .min(1),
})

/** `POST /v1/messages`. The first of its tools is called once, then it answers. */
export function answerMessages({ client, body, ledger }: Question): Answer {
  const request = messagesRequest.parse(body)
  const hasResult = request.messages.some(
    ({ content }) => Array.isArray(content) && content.some((block) => block.type === 'tool_result'),
  )
  const tool = hasResult ? undefined : request.tools?.[0]
  const served = ledger.enter({
    client,
    kind: 'chat',
    model: request.model,
    idPrefix: 'msg_',
    tellsCacheWrites: true,
    isStream: request.stream === true,
    asksTool: tool !== undefined,
  })
  const reason = { stop_reason: tool ? 'tool_use' : 'end_turn', stop_sequence: null }
  const message = { id: served.responseId, type: 'message', role: 'assistant', model: served.model }
  const block = tool ? toolUse(tool.name) : { type: 'text', text: ANSWER.join('') }
  if (!request.stream) {
    return { json: { ...message, content: [block], ...reason, usage: usageOf(served, served.output) } }
  }
  const begun = { ...message, content: [], stop_reason: null, stop_sequence: null, usage: usageOf(served, 1) }
  const hollow = tool ? { ...block, input: {} } : { ...block, text: '' }
  const deltas = tool
    ? [{ type: 'input_json_delta', partial_json: JSON.stringify(TOOL_ARGUMENTS) }]
    : ANSWER.map((text) => ({ type: 'text_delta', text }))
  const events = [
    { type: 'message_start', message: begun },
    { type: 'content_block_start', index: 0, content_block: hollow },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index: 0, delta })),
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: reason, usage: usageOf(served, served.output) },
    { type: 'message_stop' },
  ]
  return { events: events.map((event) => ({ event: event.type, data: event })) }
}

function toolUse(name: string): object {
  return { type: 'tool_use', id: `toolu_${randomBytes(12).toString('hex')}`, name, input: TOOL_ARGUMENTS }
}

/** Here the input is what was neither read from the cache nor written to it. */
function usageOf(served: Served, output: number): object {
  return {
    input_tokens: served.input - served.cacheRead - served.cacheWrite,
    cache_read_input_tokens: served.cacheRead,
    cache_creation_input_tokens: served.cacheWrite,
    cache_creation: { ephemeral_5m_input_tokens: served.cacheWrite, ephemeral_1h_input_tokens: 0 },
    output_tokens: output,
    service_tier: 'standard',
  }
}

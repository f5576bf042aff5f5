import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'
import type { Turn } from './served-turns.ts'

/** The parts of a Messages request that the real API checks and this one checks too. */
const request = z.object({
  model: z.string().startsWith('claude-'),
  stream: z.literal(true),
  max_tokens: z.number().int().positive(),
  thinking: z.object({ type: z.enum(['enabled', 'adaptive']) }),
  tools: z.array(z.object({ name: z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/) })).optional(),
  messages: z.array(z.object({ role: z.enum(['user', 'assistant']), content: z.unknown() })).min(1),
})

const BODY_BYTES_MAX = 1 << 20

interface ModelServer {
  /** What `ANTHROPIC_BASE_URL` is to be. */
  readonly baseUrl: string
  close(): Promise<void>
}

/**
 * A model on loopback that speaks Anthropic's Messages API, streaming, and answers with `turns` one after another.
 * When they are used up it is overloaded for good.
 */
export async function startModelServer(turns: readonly Turn[]): Promise<ModelServer> {
  let served = 0
  const server = createServer((incoming, response) => {
    answer(incoming, response, () => turns[served++]).catch((error: unknown) =>
      refuse(response, 400, 'invalid_request_error', String(error)),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function answer(incoming: IncomingMessage, response: ServerResponse, next: () => Turn | undefined) {
  const body = await readBody(incoming)
  if (incoming.method !== 'POST' || incoming.url !== '/v1/messages') {
    return refuse(response, 404, 'not_found_error', `${incoming.method} ${incoming.url}`)
  }
  if (!incoming.headers['x-api-key'])
    return refuse(response, 401, 'authentication_error', 'x-api-key missing')
  const { model } = request.parse(JSON.parse(body))
  const turn = next()
  if (turn === undefined) return refuse(response, 529, 'overloaded_error', 'nothing left to say')
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of events(turn, model)) {
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  }
  response.end()
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of incoming) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) throw new RangeError('request too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function refuse(response: ServerResponse, status: number, type: string, message: string): void {
  if (response.headersSent) return void response.destroy()
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ type: 'error', error: { type, message } }))
}

/** The stream of one answer: the message opens, its blocks come piece by piece, the usage comes at the end. */
function* events(turn: Turn, model: string): Generator<{ type: string; [member: string]: unknown }> {
  const usage = {
    input_tokens: turn.inputTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    service_tier: 'standard',
  }
  yield {
    type: 'message_start',
    message: {
      id: `msg_${crypto.randomUUID().replaceAll('-', '')}`,
      type: 'message',
      role: 'assistant',
      model,
      content: [],
      stop_reason: null,
      usage: { ...usage, output_tokens: 1 },
    },
  }
  yield* block(0, { type: 'thinking', thinking: '', signature: '' }, [
    ...pieces(turn.thinking).map((thinking) => ({ type: 'thinking_delta', thinking })),
    { type: 'signature_delta', signature: 'c2lnbmVk' },
  ])
  if (turn.toolUse) {
    const { name, input } = turn.toolUse
    const id = `toolu_${crypto.randomUUID().replaceAll('-', '')}`
    yield* block(1, { type: 'tool_use', id, name, input: {} }, [
      ...pieces(JSON.stringify(input)).map((json) => ({ type: 'input_json_delta', partial_json: json })),
    ])
  } else {
    const texts = pieces(turn.text ?? '').map((text) => ({ type: 'text_delta', text }))
    yield* block(1, { type: 'text', text: '' }, texts)
  }
  yield {
    type: 'message_delta',
    delta: { stop_reason: turn.toolUse ? 'tool_use' : 'end_turn', stop_sequence: null },
    usage: {
      ...usage,
      output_tokens: turn.outputTokens,
      output_tokens_details: { thinking_tokens: turn.thinkingTokens },
    },
  }
  yield { type: 'message_stop' }
}

function* block(index: number, content: Readonly<Record<string, unknown>>, deltas: readonly object[]) {
  yield { type: 'content_block_start', index, content_block: content }
  for (const delta of deltas) yield { type: 'content_block_delta', index, delta }
  yield { type: 'content_block_stop', index }
}

/** A text as a stream brings it: a few characters at a time. */
function pieces(text: string): string[] {
  return text.match(/.{1,12}/gs) ?? []
}

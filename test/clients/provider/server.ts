import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { answerMessages } from './anthropic.ts'
import { failureOf } from './failures.ts'
import { answerGemini } from './gemini.ts'
import { Ledger } from './ledger.ts'
import { answerChat, answerEmbeddings } from './openai-chat.ts'
import { answerResponses } from './openai-responses.ts'

/** An answer: JSON, or the events of a stream. */
export type Answer = { readonly json: object } | { readonly events: readonly ServerEvent[] }

interface ServerEvent {
  readonly event?: string
  readonly data: object | '[DONE]'
}

/** What a route gets: the client's name, the path behind it and the body as JSON. */
export interface Question {
  readonly client: string
  readonly path: string
  readonly body: unknown
  readonly ledger: Ledger
}

export interface Provider {
  readonly ledger: Ledger
  /** Where a client finds the provider. Its name is in the path, so that the ledger knows who asked. */
  baseUrl(client: string): string
  close(): Promise<void>
}

const BODY_BYTES_MAX = 4 << 20
/** Models that pause in the middle of their answer. */
const SLOW = /-slow$/
const PAUSE_MS = 1_000
/** Models whose answers nobody can parse. */
const GARBLED = /-garbled$/

const ROUTES: readonly [RegExp, (question: Question) => Answer][] = [
  [/^\/v1\/chat\/completions$/, answerChat],
  [/^\/v1\/responses$/, answerResponses],
  [/^\/v1\/embeddings$/, answerEmbeddings],
  [/^\/v1\/messages$/, answerMessages],
  [/^\/v1(beta|alpha)?\/models\/[^/]+:(streamGenerateContent|generateContent)$/, answerGemini],
]

/** A provider on loopback that speaks OpenAI's, Anthropic's and Google's API and keeps a ledger of what it served. */
export async function startProvider(): Promise<Provider> {
  const ledger = new Ledger()
  const server = createServer((incoming, response) => {
    answer(incoming, response, ledger).catch((error: unknown) => {
      if (response.headersSent) return void response.destroy()
      response.writeHead(400, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ error: { type: 'invalid_request_error', message: String(error) } }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    ledger,
    baseUrl: (client) => `http://127.0.0.1:${port}/${client}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function answer(incoming: IncomingMessage, response: ServerResponse, ledger: Ledger): Promise<void> {
  const { pathname } = new URL(incoming.url!, 'http://localhost')
  const [, client = '', rest = ''] = /^\/([^/]+)(\/.*)$/.exec(pathname) ?? []
  const body = await readBody(incoming)
  const route = incoming.method === 'POST' ? ROUTES.find(([path]) => path.test(rest)) : undefined
  if (!route) throw new RangeError(`no ${incoming.method} ${pathname} here`)
  const asked = JSON.parse(body)
  const model: string = asked.model ?? /models\/([^/:]+)/.exec(rest)?.[1] ?? ''
  const failure = failureOf(rest, model, ledger.turnedAway(client, model))
  if (failure !== null) {
    ledger.turnAway(client, model)
    response.writeHead(failure.status, { 'content-type': 'application/json', ...failure.headers })
    response.end(JSON.stringify(failure.json))
    return
  }
  const answered = route[1]({ client, path: rest, body: asked, ledger })
  const entered = ledger.of(client).at(-1)!
  if ('json' in answered) {
    response.writeHead(200, { 'content-type': 'application/json' })
    const text = JSON.stringify(answered.json)
    const isGarbled = GARBLED.test(model)
    if (isGarbled) ledger.cutOff(entered)
    response.end(isGarbled ? text.slice(0, text.length >> 1) : text)
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const { events } = answered
  const half = SLOW.test(model) ? events.length >> 1 : events.length
  for (const each of events.slice(0, half)) response.write(eventText(each))
  if (half < events.length && (await leaves(response))) return ledger.cutOff(entered)
  for (const each of events.slice(half)) response.write(eventText(each))
  response.end()
}

/** Whether the client goes away before the answer goes on. Instrumentations may read behind a program that does. */
async function leaves(response: ServerResponse): Promise<boolean> {
  const stopped = new AbortController()
  const closed = once(response, 'close', { signal: stopped.signal }).then(() => true)
  const late = sleep(PAUSE_MS, false, { signal: stopped.signal })
  const left = await Promise.race([closed, late])
  closed.catch(() => {})
  late.catch(() => {})
  stopped.abort()
  return left
}

function eventText({ event, data }: ServerEvent): string {
  return `${event ? `event: ${event}\n` : ''}data: ${data === '[DONE]' ? data : JSON.stringify(data)}\n\n`
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

import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import type { CheckRequest, Decision, Estimate } from '../core/decision.ts'
import { FrameWire } from './frame-wire.ts'
import { httpWire } from './http-wire.ts'
import { ANSWER_CHARS_MAX, type Target } from './wire.ts'

/** Where checks are answered, and how long one may take. */
export interface CheckOptions {
  /**
   * `unix:/run/aforo.sock` or `frames://127.0.0.1:4319`: one connection for all questions, the quickest way.
   * `http://127.0.0.1:4319`: a request for each, where a proxy is in between.
   */
  readonly endpoint: string
  /** A key of role `check`, sent as bearer token. */
  readonly apiKey?: string
  /** An answer that takes longer is none. Default 250. */
  readonly timeoutMs?: number
}

/** What a call used, to settle its hold with. */
export type Actual = Pick<Estimate, 'input_tokens' | 'tool_calls'> & { readonly output_tokens?: string }

/** Whose work is watched. What is not said is not looked at: a budget of a product is of nobody who names none. */
export type Watched = Pick<CheckRequest, 'customer' | 'product' | 'agent' | 'session'>

/** The check endpoint of a sidecar or of Aforo itself. Calls reject where it is away, is late or refuses the question. */
export interface CheckClient {
  check(question: CheckRequest): Promise<Decision>
  settle(holdId: string, actual?: Actual): Promise<void>
  release(holdId: string): Promise<void>
  /** Decisions about somebody's work as they change, the present one first; ends with the signal or the connection. */
  watch(of: Watched, signal: AbortSignal): AsyncIterable<Decision>
  close(): void
}

const TIMEOUT_MS = 250

export function createCheckClient(options: CheckOptions): CheckClient {
  const { target, speaks } = placeOf(options.endpoint)
  const headers: Record<string, string> =
    options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` }
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  const wire =
    speaks === 'frames' ? new FrameWire(target, headers, timeoutMs) : httpWire(target, headers, timeoutMs)

  return {
    check: async (question) => JSON.parse(await wire.ask('check', question)) as Decision,
    async settle(holdId, actual) {
      await wire.ask('settle', actual === undefined ? {} : { actual }, holdId)
    },
    async release(holdId) {
      await wire.ask('release', {}, holdId)
    },
    async *watch({ customer, product, agent, session }, signal) {
      const said = Object.entries({ customer, product, agent, session })
      const query = new URLSearchParams(said.filter((one): one is [string, string] => one[1] !== undefined))
      const response = await open({ ...target, path: `/v1/watch?${query}`, headers, signal })
      for await (const data of serverSentData(response)) yield JSON.parse(data) as Decision
    },
    close: () => wire.close(),
  }
}

function placeOf(endpoint: string): { target: Target; speaks: 'frames' | 'http' } {
  if (endpoint.startsWith('unix:')) {
    return { target: { socketPath: endpoint.slice('unix:'.length) }, speaks: 'frames' }
  }
  const { protocol, hostname, port } = new URL(endpoint)
  if (protocol !== 'http:' && protocol !== 'frames:') {
    throw new TypeError(`a check endpoint is http:, unix: or frames:, not ${protocol}`)
  }
  const target = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) }
  return { target, speaks: protocol === 'frames:' ? 'frames' : 'http' }
}

/** An answer whose body goes on. */
function open(options: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request({ ...options, agent: false })
    sent.once('error', reject)
    sent.once('response', (response) => {
      if (response.statusCode === 200) return resolve(response)
      response.destroy()
      reject(new Error(`the check endpoint answers ${response.statusCode}`))
    })
    sent.end()
  })
}

/** The `data` of each server-sent event. */
async function* serverSentData(response: IncomingMessage): AsyncIterable<string> {
  response.setEncoding('utf8')
  let rest = ''
  for await (const chunk of response as AsyncIterable<string>) {
    rest += chunk
    if (rest.length > ANSWER_CHARS_MAX) throw new Error('an event is too long')
    const events = rest.split('\n\n')
    rest = events.pop()!
    for (const event of events) {
      const data = event.split('\n').filter((line) => line.startsWith('data:'))
      if (data.length > 0) yield data.map((line) => line.slice('data:'.length).trimStart()).join('\n')
    }
  }
}

import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http'
import type { CheckRequest, Decision, Estimate } from '../core/decision.ts'

/** Where checks are answered, and how long one may take. */
export interface CheckOptions {
  /** `http://127.0.0.1:4319`, or `unix:/run/aforo.sock`. */
  readonly endpoint: string
  /** A key of role `check`, sent as bearer token. */
  readonly apiKey?: string
  /** An answer that takes longer is none. Default 250. */
  readonly timeoutMs?: number
}

/** What a call used, to settle its hold with. */
export type Actual = Pick<Estimate, 'input_tokens' | 'tool_calls'> & { readonly output_tokens?: string }

/** The check endpoint of a sidecar or of Aforo itself. Calls reject where it is away, is late or refuses the question. */
export interface CheckClient {
  check(question: CheckRequest): Promise<Decision>
  settle(holdId: string, actual?: Actual): Promise<void>
  release(holdId: string): Promise<void>
  /** Decisions about a session as they change, the present one first; ends with the signal or the connection. */
  watch(of: { customer: string; session: string }, signal: AbortSignal): AsyncIterable<Decision>
  close(): void
}

const TIMEOUT_MS = 250
const SOCKETS_MAX = 64
/** Longer answers are none of ours. */
const ANSWER_CHARS_MAX = 65_536

export function createCheckClient(options: CheckOptions): CheckClient {
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX, scheduling: 'lifo' })
  const target = targetOf(options.endpoint)
  const headers = options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` }
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS

  function post(path: string, body: unknown): Promise<string> {
    const bytes = Buffer.from(JSON.stringify(body))
    return new Promise((resolve, reject) => {
      const sent = request({
        ...target,
        path,
        agent,
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json', 'content-length': bytes.length },
      })
      const late = setTimeout(() => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
      sent.once('error', (error) => {
        clearTimeout(late)
        reject(error)
      })
      sent.once('response', (response) => {
        read(response).then(
          (text) => {
            clearTimeout(late)
            resolve(text)
          },
          (error: unknown) => {
            clearTimeout(late)
            reject(error)
          },
        )
      })
      sent.end(bytes)
    })
  }

  return {
    check: async (question) => JSON.parse(await post('/v1/check', question)) as Decision,
    async settle(holdId, actual) {
      await post(`/v1/holds/${encodeURIComponent(holdId)}/settle`, actual === undefined ? {} : { actual })
    },
    async release(holdId) {
      await post(`/v1/holds/${encodeURIComponent(holdId)}/release`, {})
    },
    async *watch({ customer, session }, signal) {
      const query = new URLSearchParams({ customer, session })
      const response = await open({ ...target, path: `/v1/watch?${query}`, headers, signal })
      for await (const data of serverSentData(response)) yield JSON.parse(data) as Decision
    },
    close: () => agent.destroy(),
  }
}

function targetOf(endpoint: string): { socketPath: string } | { host: string; port: number } {
  if (endpoint.startsWith('unix:')) return { socketPath: endpoint.slice('unix:'.length) }
  const { protocol, hostname, port } = new URL(endpoint)
  if (protocol !== 'http:') throw new TypeError(`a check endpoint is http: or unix:, not ${protocol}`)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) }
}

function read(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      text += chunk
      if (text.length > ANSWER_CHARS_MAX) response.destroy(new Error('the answer is too long'))
    })
    response.once('error', reject)
    response.once('end', () => {
      if (response.statusCode === 200) resolve(text)
      else reject(new Error(`the check endpoint answers ${response.statusCode}: ${text.slice(0, 500)}`))
    })
  })
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

import { type LookupAddress, lookup as resolve } from 'node:dns'
import { request as overHttp } from 'node:http'
import { request as overHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { isPrivateAddress } from './private-address.ts'
import { RETRY_AFTER_MS_MAX } from './retry-delay.ts'

/** A message on its way to one endpoint. */
export interface Shipment {
  readonly url: string
  readonly messageId: string
  readonly body: string
  /** Each signs: a receiver may know any one of them. */
  readonly secrets: readonly string[]
}

/** What came of an attempt. `error` names what went wrong; null: it was taken. */
export interface Outcome {
  readonly status: number | null
  readonly error: string | null
  readonly retryAfterMs: number
}

interface SendOptions {
  /** From connecting to the end of the answer's head. */
  readonly timeoutMs: number
  readonly allowPrivate: boolean
  readonly now: Date
}

/** Bytes of an answer's body that are waited for before the connection is closed; none of them is looked at. */
export const ANSWER_BYTES_MAX = 16 * 1024

/**
 * Makes one attempt, signed by Standard Webhooks. Redirects are not followed, answers not read. A name is resolved
 * once, and the connection goes to the very address that was looked at: it cannot become a private one in between.
 */
export function send(shipment: Shipment, options: SendOptions): Promise<Outcome> {
  return new Promise((resolved) => {
    const fail = (error: string) => resolved({ status: null, error, retryAfterMs: 0 })
    const url = new URL(shipment.url)
    const host = url.hostname.replace(/^\[|\]$/g, '')
    if (!options.allowPrivate && isIP(host) !== 0 && isPrivateAddress(host)) return fail(PRIVATE)
    const post = url.protocol === 'https:' ? overHttps : overHttp
    const request = post(url, {
      method: 'POST',
      agent: false,
      headers: { ...headersOf(shipment, options.now), connection: 'close' },
      signal: AbortSignal.timeout(options.timeoutMs),
      ...(!options.allowPrivate && { lookup: publicOnly }),
    })
    request.on('error', (error) => fail(nameOf(error)))
    request.on('response', (response) => {
      const { statusCode: status = 0, headers } = response
      resolved({ status, error: errorOf(status), retryAfterMs: retryAfterMs(headers['retry-after']) })
      let bytes = 0
      response.on('error', () => {})
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > ANSWER_BYTES_MAX) request.destroy()
      })
    })
    request.end(shipment.body)
  })
}

const PRIVATE = 'private_address'

/** Signed anew with each attempt: receivers refuse what is older than some minutes. */
function headersOf({ messageId, body, secrets }: Shipment, now: Date): Record<string, string | number> {
  return {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'user-agent': 'aforo',
    'webhook-id': messageId,
    'webhook-timestamp': Math.floor(now.getTime() / 1000),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(messageId, now, body)).join(' '),
  }
}

const publicOnly: LookupFunction = (hostname, options, done) => {
  resolve(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error) return done(error, '', 0)
    const [first] = addresses
    if (!first || addresses.some(({ address }) => isPrivateAddress(address))) {
      return done(Object.assign(new Error(PRIVATE), { code: PRIVATE }), '', 0)
    }
    if (options.all) done(null, addresses)
    else done(null, first.address, first.family)
  })
}

function errorOf(status: number): string | null {
  if (status >= 200 && status < 300) return null
  if (status >= 300 && status < 400) return 'redirect'
  return status === 410 ? 'gone' : 'refused'
}

/** In seconds. A date asks for nothing: it would be held against a clock that is not ours. */
function retryAfterMs(header: string | undefined): number {
  const seconds = /^\d{1,9}$/.test(header ?? '') ? Number(header) : 0
  return Math.min(seconds * 1000, RETRY_AFTER_MS_MAX)
}

function nameOf(error: NodeJS.ErrnoException): string {
  const cause = error.cause as Error | undefined
  if (error.name === 'TimeoutError' || cause?.name === 'TimeoutError') return 'timeout'
  return (error.code ?? error.message).slice(0, 200)
}

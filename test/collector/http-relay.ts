import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { Exchange, Relay, RelayOptions } from './exchange.ts'

interface Answer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: Buffer
}

/** A relay of OTLP/HTTP. */
export async function startHttpRelay(options: RelayOptions): Promise<Relay> {
  const exchanges: Exchange[] = []
  let target = options.target

  async function relay(asked: IncomingMessage, answered: ServerResponse): Promise<void> {
    const body = await buffer(asked)
    const exchange: Exchange = {
      askedMs: performance.now(),
      answeredMs: Number.NaN,
      coding: asked.headers['content-encoding'],
      contentType: asked.headers['content-type'],
      body,
      status: null,
      retryAfter: undefined,
      statusDetails: undefined,
    }
    const nth = exchanges.push(exchange)
    const answer = await forward(target, asked, body).catch(() => null)
    exchange.answeredMs = performance.now()
    if (answer !== null) {
      exchange.status = answer.status
      exchange.retryAfter = answer.headers['retry-after'] as string | undefined
    }
    const goesOn = answer !== null && ((await options.deliver?.(exchange, nth)) ?? true)
    if (goesOn) answered.writeHead(answer.status, answer.headers).end(answer.body)
    else asked.socket.destroy()
  }

  const server = createServer((asked, answered) => {
    relay(asked, answered).catch(() => asked.socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    exchanges,
    retarget(port) {
      target = port
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** The body of an exchange without its content coding. */
export function plainBody({ body, coding }: Exchange): Buffer {
  if (coding === 'gzip') return gunzipSync(body)
  return coding === 'zstd' ? zstdDecompressSync(body) : body
}

function forward(port: number, asked: IncomingMessage, body: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { host: _, connection: __, 'transfer-encoding': ___, ...headers } = asked.headers
    const forwarded = request(
      {
        host: '127.0.0.1',
        port,
        method: asked.method!,
        path: asked.url!,
        headers: { ...headers, 'content-length': body.length },
      },
      (response) => {
        const { connection: _c, 'keep-alive': _k, ...told } = response.headers
        buffer(response).then(
          (bytes) => resolve({ status: response.statusCode!, headers: told, body: bytes }),
          reject,
        )
      },
    )
    forwarded.on('error', reject)
    forwarded.end(body)
  })
}

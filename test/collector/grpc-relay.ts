import {
  type ClientHttp2Session,
  connect,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Exchange, Relay, RelayOptions } from './exchange.ts'

/** `trailers` are undefined where the answer is nothing but headers, as a refusal may be. */
interface Answer {
  readonly headers: IncomingHttpHeaders
  readonly trailers: IncomingHttpHeaders | undefined
  readonly body: Buffer
}

/** A relay of unary gRPC calls. */
export async function startGrpcRelay(options: RelayOptions): Promise<Relay> {
  const exchanges: Exchange[] = []
  const sessions = new Set<ServerHttp2Session>()
  let target = options.target

  async function relay(stream: ServerHttp2Stream, asked: IncomingHttpHeaders): Promise<void> {
    const body = await buffer(stream)
    const exchange: Exchange = {
      askedMs: performance.now(),
      answeredMs: Number.NaN,
      coding: asked['grpc-encoding'] as string | undefined,
      contentType: asked['content-type'],
      body,
      status: null,
      retryAfter: undefined,
      statusDetails: undefined,
    }
    const nth = exchanges.push(exchange)
    const answer = await forward(target, asked, body).catch(() => null)
    exchange.answeredMs = performance.now()
    if (answer !== null) {
      const end = answer.trailers ?? answer.headers
      exchange.status = Number(end['grpc-status'])
      exchange.statusDetails = end['grpc-status-details-bin'] as string | undefined
    }
    const goesOn = answer !== null && ((await options.deliver?.(exchange, nth)) ?? true)
    if (goesOn) pass(stream, answer)
    else stream.session?.destroy()
  }

  const server = createServer()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => {})
    session.on('close', () => sessions.delete(session))
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    relay(stream, headers).catch(() => stream.session?.destroy())
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
        for (const session of sessions) session.destroy()
      }),
  }
}

/** One connection per call: few pass here, and none is left to a server that was killed. */
async function forward(port: number, asked: IncomingHttpHeaders, body: Buffer): Promise<Answer> {
  const session: ClientHttp2Session = connect(`http://127.0.0.1:${port}`)
  try {
    return await new Promise((resolve, reject) => {
      session.on('error', reject)
      const { ':authority': _, ...headers } = asked
      const call = session.request(headers)
      let answered: IncomingHttpHeaders = {}
      let trailers: IncomingHttpHeaders | undefined
      call.on('error', reject)
      call.on('response', (head) => {
        answered = head
      })
      call.on('trailers', (tail) => {
        trailers = tail
      })
      call.end(body)
      buffer(call).then((bytes) => {
        // A connection that breaks may end the stream without an error: without a status there was no answer.
        if ((trailers ?? answered)['grpc-status'] === undefined) reject(new Error('broken off'))
        else resolve({ headers: answered, trailers, body: bytes })
      }, reject)
    })
  } finally {
    session.close()
  }
}

function pass(stream: ServerHttp2Stream, { headers, trailers, body }: Answer): void {
  if (trailers === undefined) {
    stream.respond(headers, { endStream: true })
    return
  }
  stream.on('wantTrailers', () => {
    stream.sendTrailers(Object.fromEntries(Object.entries(trailers).filter(([key]) => !key.startsWith(':'))))
  })
  stream.respond(headers, { waitForTrailers: true })
  stream.end(body)
}

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

/** A message as an endpoint got it. */
export interface Received {
  readonly id: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Endpoint {
  readonly url: string
  readonly received: Received[]
  /** How it answers; 200 by default. */
  answer: (request: IncomingMessage, response: ServerResponse) => void
  /** The body where one of the secrets signed it now. */
  verified(received: Received, secret: string): unknown
  stop(): Promise<void>
}

/** Somebody's HTTP server on a free port of loopback. */
export async function startEndpoint(): Promise<Endpoint> {
  const received: Received[] = []
  const endpoint = { answer: (_: IncomingMessage, response: ServerResponse) => void response.end() }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('error', () => {})
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const headers = request.headers as Record<string, string>
      received.push({ id: headers['webhook-id']!, headers, body: Buffer.concat(chunks).toString() })
      endpoint.answer(request, response)
    })
  })
  // It closes nothing that a sender may be about to use again.
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(endpoint, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    verified: ({ body, headers }: Received, secret: string) => new Webhook(secret).verify(body, headers),
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

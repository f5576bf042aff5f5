import { request } from 'node:http'

/**
 * Posts bodies to an OTLP/HTTP receiver over some connections, each sending the next when the last was acknowledged.
 * A body is made when its turn comes, so that a long run holds few of them.
 */
export async function sendAll(
  port: number,
  connections: number,
  nextBody: () => Uint8Array | null,
): Promise<void> {
  await Promise.all(
    Array.from({ length: connections }, async () => {
      for (let body = nextBody(); body !== null; body = nextBody()) await send(port, body)
    }),
  )
}

function send(port: number, body: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length }
    const sent = request(
      { port, host: '127.0.0.1', path: '/v1/traces', method: 'POST', headers },
      (response) => {
        response.resume()
        response.on('end', () => {
          if (response.statusCode === 200) resolve()
          else reject(new Error(`answered ${response.statusCode}`))
        })
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

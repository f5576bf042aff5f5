import { once } from 'node:events'
import { connect, type NetConnectOpts } from 'node:net'

const HEAD_END = '\r\n\r\n'
const LENGTH = /\r\ncontent-length: (\d+)\r\n/i

/** A connection for all questions, as ioredis has one for all commands: a promise for each, answered in their order. */
export interface Pipeline {
  ask(request: string): Promise<unknown>
  close(): void
}

/** A request as a client sends it. */
export function requestOf(path: string, body: unknown): string {
  const json = JSON.stringify(body)
  return (
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n` +
    `content-length: ${Buffer.byteLength(json)}\r\n\r\n${json}`
  )
}

/**
 * A client over HTTP/1.1 that does no more than it must: it writes what was asked in one turn of the event loop at once,
 * and reads every answer to its length. It is what a client would cost that is as light as the one for Redis.
 */
export async function openPipeline(where: NetConnectOpts): Promise<Pipeline> {
  const socket = connect({ ...where, noDelay: true })
  await once(socket, 'connect')
  const waiting: ((body: unknown) => void)[] = []
  let unsent = ''
  let rest = ''
  socket.on('data', (chunk: Buffer) => {
    const text = rest + chunk.toString('latin1')
    let at = 0
    for (;;) {
      const headEnd = text.indexOf(HEAD_END, at)
      if (headEnd < 0) break
      const head = text.slice(at, headEnd + 2)
      const bodyAt = headEnd + HEAD_END.length
      const end = bodyAt + Number(LENGTH.exec(head)![1])
      if (text.length < end) break
      if (!head.startsWith('HTTP/1.1 200 ')) throw new Error(text.slice(at, end))
      waiting.shift()!(JSON.parse(text.slice(bodyAt, end)))
      at = end
    }
    rest = text.slice(at)
  })
  return {
    ask(request) {
      if (unsent === '') {
        process.nextTick(() => {
          socket.write(unsent, 'latin1')
          unsent = ''
        })
      }
      unsent += request
      return new Promise((resolve) => waiting.push(resolve))
    },
    close: () => socket.destroy(),
  }
}

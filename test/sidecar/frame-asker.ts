import { type RequestOptions, request } from 'node:http'
import type { Socket } from 'node:net'
import { FrameReader, frameText } from '../../core/frames.ts'

/** A frame as a test looks at it. */
export interface Told {
  readonly id: number
  readonly kind: number
  // biome-ignore lint/suspicious/noExplicitAny: bodies are whatever is answered, and tests look into them.
  readonly body: any
}

export interface FrameAsker {
  readonly socket: Socket
  readonly told: Told[]
  send(id: number, kind: number, body: unknown): void
  /** The next `count` frames, or as many as come before the connection ends. */
  next(count?: number): Promise<Told[]>
  readonly closed: Promise<void>
}

/** Opens a connection of frames, as a client of anybody would. Rejects with the status and body where it is refused. */
export function openFrames(where: RequestOptions, headers: Record<string, string> = {}): Promise<FrameAsker> {
  return new Promise((resolve, reject) => {
    const asked = request({
      ...where,
      path: '/v1/frames',
      headers: { ...headers, connection: 'Upgrade', upgrade: 'aforo-frames' },
      agent: false,
    })
    asked.on('error', reject)
    asked.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => reject({ status: response.statusCode, body: JSON.parse(text) }))
    })
    asked.on('upgrade', (_, socket, head) => resolve(asker(socket as Socket, head)))
    asked.end()
  })
}

function asker(socket: Socket, head: Buffer): FrameAsker {
  const reader = new FrameReader()
  const told: Told[] = []
  let wake = () => {}
  let isClosed = false
  const read = (chunk: Buffer) => {
    reader.push(chunk)
    while (reader.next()) {
      told.push({ id: reader.id, kind: reader.kind, body: JSON.parse(reader.body()) })
    }
    wake()
  }
  read(head)
  socket.on('data', read)
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) =>
    socket.on('close', () => {
      isClosed = true
      wake()
      resolve()
    }),
  )
  return {
    socket,
    told,
    closed,
    send(id, kind, body) {
      const json = typeof body === 'string' ? body : JSON.stringify(body)
      socket.write(frameText(id, kind, json), 'latin1')
    },
    async next(count = 1) {
      while (told.length < count && !isClosed) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      return told.splice(0, count)
    },
  }
}

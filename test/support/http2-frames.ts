import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** HTTP/2 frames by hand, for what no honest client sends. */

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
export const FRAME = { headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7 } as const
const END_HEADERS = 4
const ACK = 1

export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Opens a call of `path`, and leaves it open. Further headers are sent as they are, whatever they are. */
export function call(stream: number, path: string, further: Readonly<Record<string, string>> = {}): Buffer {
  const named = { 'content-type': 'application/grpc', te: 'trailers', ...further }
  const block = Buffer.concat([
    // Of the static table: POST, http, and the names of authority and path.
    Buffer.from([0x83, 0x86, 0x01]),
    text('aforo'),
    Buffer.from([0x04]),
    text(path),
    ...Object.entries(named).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]),
  ])
  return frame(FRAME.headers, END_HEADERS, stream, block)
}

/** Texts of less than 127 bytes, which is all that is needed. */
function text(of: string): Buffer {
  return Buffer.concat([Buffer.from([of.length]), Buffer.from(of)])
}

export function reset(stream: number): Buffer {
  return frame(FRAME.reset, 0, stream, Buffer.from([0, 0, 0, 8]))
}

/** A connection past its preface, of which nothing is read yet. */
export async function rawSession(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.on('error', () => {})
  socket.pause()
  socket.write(Buffer.concat([Buffer.from(PREFACE), frame(FRAME.settings, 0, 0, Buffer.alloc(0))]))
  return socket
}

/** Whether the server ends the connection within the time, having read or not. */
export async function isEnded(socket: Socket, ms: number, reads: boolean): Promise<boolean> {
  if (reads) socket.resume()
  const ended = Promise.race([once(socket, 'close'), once(socket, 'end')]).then(() => true)
  const late = new Promise<boolean>((resolve) => setTimeout(resolve, ms, false).unref())
  return socket.destroyed || (await Promise.race([ended, late]))
}

/** Agrees to what the server allows, which holds from then on. */
export function agree(): Buffer {
  return frame(FRAME.settings, ACK, 0, Buffer.alloc(0))
}

/** Waits until the server has sent headers on a stream: it answers the call. */
export function answerOn(socket: Socket, stream: number): Promise<void> {
  return new Promise((resolve) => {
    onFrames(socket, (type, of) => {
      if (type === FRAME.headers && of === stream) resolve()
    })
  })
}

/** The streams that the server resets, in the order in which it does; grows as it goes on. */
export function resetsOn(socket: Socket): readonly number[] {
  const streams: number[] = []
  onFrames(socket, (type, stream) => {
    if (type === FRAME.reset) streams.push(stream)
  })
  return streams
}

function onFrames(socket: Socket, take: (type: number, stream: number) => void): void {
  let bytes = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk as Buffer])
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      take(bytes[3]!, bytes.readUInt32BE(5))
      bytes = bytes.subarray(9 + bytes.readUIntBE(0, 3))
    }
  })
}

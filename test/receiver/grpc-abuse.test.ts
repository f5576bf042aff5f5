import { once } from 'node:events'
import type { Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { CALLS_AT_ONCE_MAX, CONNECTIONS_MAX, HEADER_PAIRS_MAX } from '../../receiver/otlp/grpc.ts'
import { CONNECTIONS_MAX as HTTP_CONNECTIONS_MAX } from '../../receiver/otlp/http.ts'
import type { Receiver } from '../../receiver/receiver.ts'
import { expectRoom } from '../support/connections.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import {
  agree,
  answerOn,
  call,
  FRAME,
  frame,
  isEnded,
  rawSession,
  reset,
  resetsOn,
} from '../support/http2-frames.ts'
import { testReceiver } from '../support/receiver.ts'
import { metricsOf } from '../support/usages.ts'

/** Connections that mean harm: each is ended, and costs nobody else anything. */

const TRACES = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
const UNKNOWN = '/nobody.knows.this.Service/Call'
const WITHIN_MS = 20_000

let db: TestDatabase
let receiver: Receiver
const metrics = metricsOf()
const sockets: Socket[] = []
beforeAll(async () => {
  db = await testDatabase()
  receiver = await testReceiver(db, { metrics })
})
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})
afterAll(async () => {
  await receiver.stop(100)
  await db.drop()
})

async function session(): Promise<Socket> {
  const socket = await rawSession(receiver.grpcPort)
  sockets.push(socket)
  return socket
}

/** Sends what may be too much, in pieces, until it was all sent or nobody takes more. */
async function flood(socket: Socket, count: number, piece: (no: number) => Buffer): Promise<void> {
  for (let no = 0; no < count && !socket.destroyed && socket.writable; no += 200) {
    const pieces = Array.from({ length: Math.min(200, count - no) }, (_, i) => piece(no + i))
    const isFull = !socket.write(Buffer.concat(pieces))
    await new Promise((resolve) => (isFull ? setTimeout(resolve, 5) : setImmediate(resolve)))
  }
}

/** What others find: an answer, and nothing held. */
async function expectServed(): Promise<void> {
  const socket = await session()
  const answered = answerOn(socket, 1)
  socket.write(call(1, UNKNOWN))
  socket.resume()
  await answered
  await expect.poll(async () => (await metrics.bytesInFlight.get()).values[0]?.value ?? 0).toBe(0)
}

const odd = (no: number) => 2 * no + 1

describe('a connection is ended', () => {
  it('that opens calls and takes them back at once, thousands of them', async () => {
    const socket = await session()
    socket.resume()
    await flood(socket, 8_000, (no) => Buffer.concat([call(odd(no), TRACES), reset(odd(no))]))
    expect(await isEnded(socket, WITHIN_MS, true)).toBe(true)
    await expectServed()
  })

  it.each([
    ['pings', FRAME.ping, 8],
    ['settings', FRAME.settings, 0],
  ])('that sends %s and reads no answer', async (_, type, bytes) => {
    const socket = await session()
    await flood(socket, 400_000, () => frame(type, 0, 0, Buffer.alloc(bytes)))
    expect(await isEnded(socket, WITHIN_MS, true)).toBe(true)
    await expectServed()
  })

  it('that opens more calls than it may, again and again', async () => {
    const socket = await session()
    socket.resume()
    await flood(socket, 1_000, (no) => call(odd(no), TRACES))
    expect(await isEnded(socket, WITHIN_MS, true)).toBe(true)
    await expectServed()
  })

  it('that sends headers which are none, again and again', async () => {
    const socket = await session()
    socket.resume()
    await flood(socket, 2_000, (no) => call(odd(no), TRACES, { 'UPPER CASE': 'x' }))
    expect(await isEnded(socket, WITHIN_MS, true)).toBe(true)
    await expectServed()
  })
})

it('a connection goes on that sends pings and reads the answers', async () => {
  const socket = await session()
  socket.resume()
  await flood(socket, 2_000, () => frame(FRAME.ping, 0, 0, Buffer.alloc(8)))
  expect(await isEnded(socket, 500, true)).toBe(false)
  await expectServed()
})

const headers = (count: number, value: string) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, value]))

/** Beside the six of every call. */
it.each([
  ['headers', headers(HEADER_PAIRS_MAX - 6, 'y'), headers(HEADER_PAIRS_MAX - 5, 'y')],
  ['bytes of headers', headers(90, 'y'.repeat(120)), headers(120, 'y'.repeat(126))],
])('a call with more %s than it may have is refused, and the connection goes on', async (_, most, more) => {
  const socket = await session()
  socket.resume()
  await once(socket, 'data')
  socket.write(agree())
  const resets = resetsOn(socket)
  const [taken, next] = [answerOn(socket, 1), answerOn(socket, 5)]
  socket.write(call(1, UNKNOWN, most))
  await taken
  socket.write(call(3, TRACES, more))
  await expect.poll(() => resets.includes(3)).toBe(true)
  socket.write(call(5, UNKNOWN))
  await next
  await expectServed()
})

it(`a connection has ${CALLS_AT_ONCE_MAX} calls open, and the next one is refused`, async () => {
  const socket = await session()
  socket.resume()
  const resets = resetsOn(socket)
  for (let no = 0; no <= CALLS_AT_ONCE_MAX; no++) socket.write(call(odd(no), TRACES))
  await expect.poll(() => resets).toEqual([odd(CALLS_AT_ONCE_MAX)])
  expect(await isEnded(socket, 200, true)).toBe(false)
  await expectServed()
})

it.each([
  ['gRPC', CONNECTIONS_MAX, () => receiver.grpcPort],
  ['HTTP', HTTP_CONNECTIONS_MAX, () => receiver.httpPort],
])('%s has %i connections, and the next one is closed at once', async (_, most, port) => {
  await expectRoom(port(), most)
})

import type { Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Receiver } from '../../receiver/receiver.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { answerOn, call, FRAME, frame, isEnded, rawSession, reset } from '../support/http2-frames.ts'
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
  }, 60_000)

  it.each([
    ['pings', FRAME.ping, 8],
    ['settings', FRAME.settings, 0],
  ])(
    'that sends %s and reads no answer',
    async (_, type, bytes) => {
      const socket = await session()
      await flood(socket, 400_000, () => frame(type, 0, 0, Buffer.alloc(bytes)))
      expect(await isEnded(socket, WITHIN_MS, true)).toBe(true)
      await expectServed()
    },
    60_000,
  )

  it('that opens more calls than it may, again and again', async () => {
    const socket = await session()
    socket.resume()
    await flood(socket, 1_000, (no) => call(odd(no), TRACES))
    expect(await isEnded(socket, WITHIN_MS, true)).toBe(true)
    await expectServed()
  }, 60_000)

  it('that sends headers which are none, again and again', async () => {
    const socket = await session()
    socket.resume()
    await flood(socket, 2_000, (no) => call(odd(no), TRACES, { 'UPPER CASE': 'x' }))
    expect(await isEnded(socket, WITHIN_MS, true)).toBe(true)
    await expectServed()
  }, 60_000)
})

it('a connection goes on that sends pings and reads the answers', async () => {
  const socket = await session()
  socket.resume()
  await flood(socket, 2_000, () => frame(FRAME.ping, 0, 0, Buffer.alloc(8)))
  expect(await isEnded(socket, 500, true)).toBe(false)
  await expectServed()
})

it('a call with more headers than it may have is refused, and the connection goes on', async () => {
  const socket = await session()
  const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`x-${i}`, 'y']))
  socket.write(call(1, TRACES, many))
  expect(await isEnded(socket, 500, true)).toBe(false)
  const answered = answerOn(socket, 3)
  socket.write(call(3, UNKNOWN))
  await answered
  await expectServed()
})

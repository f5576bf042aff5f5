import { once } from 'node:events'
import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type IncomingHttpHeaders,
} from 'node:http2'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import * as grpc from '@grpc/grpc-js'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { framed } from '../../receiver/otlp/grpc-message.ts'
import { GrpcSessions } from '../../receiver/otlp/grpc-sessions.ts'
import { READING, type Receiver } from '../../receiver/receiver.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { BODY_BYTES_MAX, chatSpan, journalled, protobufOf, testReceiver } from '../support/receiver.ts'
import { metricsOf } from '../support/usages.ts'

/** OTLP/gRPC as bytes on HTTP/2: senders that are slow, rude, broken or many. */

const TRACES = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'

let db: TestDatabase
let receiver: Receiver
let session: ClientHttp2Session
const metrics = metricsOf()
beforeAll(async () => {
  db = await testDatabase()
  receiver = await testReceiver(db, { metrics })
  session = connect(`http://127.0.0.1:${receiver.grpcPort}`)
})
afterAll(async () => {
  session.close()
  await receiver.stop()
  await db.drop()
})
beforeEach(() => db.pool.query('truncate aforo_store.usage_journal, aforo_store.traces'))

/** One call over a bare HTTP/2 stream; the headers and trailers of its answer in one. */
async function raw(body: Buffer, headers: Record<string, string> = {}): Promise<IncomingHttpHeaders> {
  const stream = session.request({
    ':method': 'POST',
    ':path': TRACES,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  })
  const told: IncomingHttpHeaders = {}
  stream.on('response', (given) => Object.assign(told, given))
  stream.on('trailers', (given) => Object.assign(told, given))
  stream.on('error', () => {})
  stream.resume().end(body)
  await once(stream, 'close')
  return told
}

function marked(message: Buffer): Buffer {
  const frame = framed(message)
  frame[0] = 1
  return frame
}

/** Nothing of a call that is over is held. */
async function expectNothingHeld(): Promise<void> {
  await expect.poll(async () => (await metrics.bytesInFlight.get()).values[0]?.value ?? 0).toBe(0)
}

describe('a call', () => {
  it.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ])('may be compressed with %s', async (coding, compress) => {
    const body = marked(compress(protobufOf(chatSpan())))
    expect(await raw(body, { 'grpc-encoding': coding })).toMatchObject({ ':status': 200, 'grpc-status': '0' })
    expect(await journalled(db)).toBe(1)
  })
  it('that names a coding need not use it', async () => {
    const body = framed(protobufOf(chatSpan()))
    expect(await raw(body, { 'grpc-encoding': 'gzip' })).toMatchObject({ 'grpc-status': '0' })
  })
  it('in an unknown coding is told which are known', async () => {
    const told = await raw(marked(Buffer.from('x')), { 'grpc-encoding': 'snappy' })
    expect(told).toMatchObject({ 'grpc-status': '12', 'grpc-accept-encoding': 'gzip, zstd, deflate' })
  })
  it('is answered however slowly its bytes come', async () => {
    const stream = session.request({
      ':method': 'POST',
      ':path': TRACES,
      'content-type': 'application/grpc+proto',
    })
    const trailers = once(stream, 'trailers')
    stream.resume()
    for (const byte of framed(protobufOf(chatSpan()))) {
      stream.write(Uint8Array.of(byte))
      await sleep(1)
    }
    stream.end()
    expect((await trailers)[0]).toMatchObject({ 'grpc-status': '0' })
    await expectNothingHeld()
  })
  it.each([
    ['content type', { 'content-type': 'application/json' }, { ':status': 415 }],
    ['flavour of gRPC', { 'content-type': 'application/grpc-web' }, { ':status': 415 }],
    ['method', { ':method': 'PUT' }, { ':status': 405 }],
    ['path', { ':path': '/a.B/C' }, { ':status': 200, 'grpc-status': '12' }],
  ])('of another %s is refused', async (_, headers, expected) => {
    expect(await raw(Buffer.alloc(0), headers as Record<string, string>)).toMatchObject(expected)
  })
  it.each([
    ['no message', Buffer.alloc(0)],
    ['half a message', framed(protobufOf(chatSpan())).subarray(0, 100)],
    ['two messages', Buffer.concat([framed(Buffer.alloc(3)), framed(Buffer.alloc(3))])],
    ['flags of no meaning', Buffer.from([7, 0, 0, 0, 0])],
    ['a length only', Buffer.from([0, 0, 0, 100, 0])],
    ['compressed garbage', marked(Buffer.from('garbage'))],
  ])('with %s is refused for good', async (_, body) => {
    expect(await raw(body, { 'grpc-encoding': 'gzip' })).toMatchObject({ 'grpc-status': '3' })
    await expectNothingHeld()
  })
  it('with a message too large is refused before it is sent', async () => {
    const told = await raw(framed(Buffer.alloc(BODY_BYTES_MAX * 4)))
    expect(told).toMatchObject({ 'grpc-status': '8', 'grpc-message': 'body is larger than 200000 bytes' })
    await expectNothingHeld()
  })
  it('that is broken off leaves nothing behind', async () => {
    const stream = session.request({ ':method': 'POST', ':path': TRACES, 'content-type': 'application/grpc' })
    stream.on('error', () => {})
    stream.write(framed(Buffer.alloc(100_000)).subarray(0, 50_000))
    await expect.poll(async () => (await metrics.bytesInFlight.get()).values[0]?.value).toBe(100_000)
    stream.close(constants.NGHTTP2_CANCEL)
    await expectNothingHeld()
    expect(await raw(framed(protobufOf(chatSpan())))).toMatchObject({ 'grpc-status': '0' })
  })
})

describe('senders', () => {
  it('a hundred at once, with large and small messages, are all kept', async () => {
    const client = new grpc.Client(`127.0.0.1:${receiver.grpcPort}`, grpc.credentials.createInsecure())
    const asIs = (bytes: Buffer) => bytes
    const bodies = Array.from({ length: 100 }, (_, i) =>
      protobufOf(...Array.from({ length: i % 10 === 0 ? 60 : 2 }, () => chatSpan())),
    )
    const codes = await Promise.all(
      bodies.map(
        (body) =>
          new Promise((resolve) => {
            client.makeUnaryRequest(TRACES, asIs, asIs, body, (error) => resolve(error?.code ?? 0))
          }),
      ),
    )
    expect(codes.filter((code) => code !== 0)).toEqual([])
    expect(await journalled(db)).toBe(10 * 60 + 90 * 2)
    client.close()
  })
  it('whose deadline passes get the spans journalled all the same', async () => {
    const blocker = await db.pool.connect()
    await blocker.query('begin')
    await blocker.query('lock table aforo_store.traces in exclusive mode')
    const client = new grpc.Client(`127.0.0.1:${receiver.grpcPort}`, grpc.credentials.createInsecure())
    const asIs = (bytes: Buffer) => bytes
    // The deadline is for the answer alone, not for the connection.
    await new Promise((resolve) => client.waitForReady(Date.now() + 60_000, resolve))
    const code = await new Promise((resolve) => {
      const options = { deadline: Date.now() + 500 }
      client.makeUnaryRequest(TRACES, asIs, asIs, protobufOf(chatSpan()), options, (error) =>
        resolve(error?.code),
      )
    })
    expect(code).toBe(grpc.status.DEADLINE_EXCEEDED)
    await blocker.query('commit')
    blocker.release()
    await expect.poll(() => journalled(db)).toBe(1)
    await expectNothingHeld()
    client.close()
  })
  it('that speak another protocol harm nobody', async () => {
    for (const rude of [
      'GET / HTTP/1.1\r\nhost: a\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\xff\xff',
    ]) {
      const socket = connectTcp(receiver.grpcPort, '127.0.0.1')
      socket.on('error', () => {})
      socket.resume().end(rude, 'latin1')
      await once(socket, 'close')
    }
    expect(await raw(framed(protobufOf(chatSpan())))).toMatchObject({ 'grpc-status': '0' })
  })
})

describe('a connection', () => {
  it('is asked to leave at its age, and what is under way is answered', async () => {
    const server = createServer()
    const sessions = new GrpcSessions(server, 100)
    server.on('stream', async (stream) => {
      await sleep(300)
      stream.respond({ ':status': 200 })
      stream.end(String(READING.decode.protobuf(protobufOf(chatSpan())).length))
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const left = once(client, 'goaway')
    const stream = client.request({ ':path': '/' })
    expect((await once(stream, 'data'))[0].toString()).toBe('1')
    expect((await left)[0]).toBe(constants.NGHTTP2_NO_ERROR)
    await once(client, 'close')
    sessions.destroy()
    server.close()
  })
})

import { once } from 'node:events'
import { connect } from 'node:net'
import * as grpc from '@grpc/grpc-js'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Receiver } from '../../receiver/receiver.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { BODY_BYTES_MAX, chatSpan, journalled, protobufOf, testReceiver } from '../support/receiver.ts'
import { metricsOf } from '../support/usages.ts'

/** A receiver whose database is slow: how much it holds, and how it stops. */

let db: TestDatabase
beforeAll(async () => {
  db = await testDatabase()
})
afterAll(() => db.drop())

async function post(receiver: Receiver, body: Buffer): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${receiver.httpPort}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: new Uint8Array(body),
  })
  await response.arrayBuffer()
  return response.status
}

function exportOver(receiver: Receiver, body: Buffer): Promise<number> {
  const client = new grpc.Client(`127.0.0.1:${receiver.grpcPort}`, grpc.credentials.createInsecure())
  const asIs = (bytes: Buffer) => bytes
  const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, asIs, asIs, body, (error) => {
      client.close()
      resolve(error?.code ?? 0)
    })
  })
}

/** A receiver, and a wait until it holds so many bytes of what is under way. */
async function watchedReceiver() {
  const metrics = metricsOf()
  const receiver = await testReceiver(db, { metrics })
  const holds = (bytes: number) =>
    expect.poll(async () => (await metrics.bytesInFlight.get()).values[0]?.value ?? 0).toBe(bytes)
  return { receiver, holds }
}

/** Waits until a port takes no connection any more. */
async function refuses(port: number): Promise<void> {
  const isRefused = async () => {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return false
    } catch {
      return true
    } finally {
      socket.destroy()
    }
  }
  await expect.poll(isRefused).toBe(true)
}

/** Keeps every journal transaction waiting until it is called. */
async function holdUp(): Promise<() => Promise<void>> {
  const client: pg.PoolClient = await db.pool.connect()
  await client.query('begin')
  await client.query('lock table aforo_store.traces in exclusive mode')
  return async () => {
    await client.query('commit')
    client.release()
  }
}

describe('stopping', () => {
  it('answers what is under way once it is durable, and takes nothing new', async () => {
    const { receiver, holds } = await watchedReceiver()
    const letGo = await holdUp()
    const bodies = [protobufOf(chatSpan()), protobufOf(chatSpan())] as const
    const answers = Promise.all([post(receiver, bodies[0]), exportOver(receiver, bodies[1])])
    await holds(bodies[0].length + bodies[1].length)
    const stopped = receiver.stop()
    await refuses(receiver.httpPort)
    await refuses(receiver.grpcPort)
    await expect(post(receiver, protobufOf(chatSpan()))).rejects.toThrow()
    expect(await exportOver(receiver, protobufOf(chatSpan()))).toBe(grpc.status.UNAVAILABLE)
    await letGo()
    expect(await answers).toEqual([200, 0])
    await stopped
    expect(await journalled(db)).toBe(2)
  })

  it('cuts off what does not end in its time', async () => {
    const { receiver, holds } = await watchedReceiver()
    const letGo = await holdUp()
    const body = protobufOf(chatSpan())
    const answer = post(receiver, body).catch(() => 'cut off')
    await holds(body.length)
    const stopping = receiver.stop(50)
    expect(await answer).toBe('cut off')
    await letGo()
    await stopping
  })
})

describe('bodies beyond what may be held', () => {
  it('are refused retryably, and taken again when there is room', async () => {
    const { receiver, holds } = await watchedReceiver()
    const letGo = await holdUp()
    // 200 bytes fewer than the limit: a filler of an unknown field around a call.
    const large = () => {
      const span = protobufOf(chatSpan())
      const filler = BODY_BYTES_MAX - 200 - span.length
      const head = [0xc2, 0x3e, (filler & 0x7f) | 0x80, ((filler >> 7) & 0x7f) | 0x80, filler >> 14]
      return Buffer.concat([span, Buffer.from(head), Buffer.alloc(filler)])
    }
    const held = Array.from({ length: 4 }, () => post(receiver, large()))
    await holds(4 * large().length)
    expect(await post(receiver, large())).toBe(503)
    expect(await exportOver(receiver, large())).toBe(grpc.status.UNAVAILABLE)
    await letGo()
    expect(await Promise.all(held)).toEqual([200, 200, 200, 200])
    expect(await post(receiver, large())).toBe(200)
    await receiver.stop()
  })
})

import { gzipSync } from 'node:zlib'
import * as grpc from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AforoError, type ErrorCode } from '../../core/errors.ts'
import { STATUS_OF } from '../../receiver/otlp/status.ts'
import type { Receiver } from '../../receiver/receiver.ts'
import { openPool } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import {
  BODY_BYTES_MAX,
  chatSpan,
  journalled,
  keepingLog,
  protobufOf,
  testReceiver,
} from '../support/receiver.ts'
import { readExportResponse, readStatus } from '../support/rpc-status.ts'

/** The receiver's side of OTLP/gRPC, with the client that exporters use. */

const TRACES = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
const LOGS = '/opentelemetry.proto.collector.logs.v1.LogsService/Export'
const METRICS = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export'

let db: TestDatabase
let receiver: Receiver
const log = keepingLog()
const clients: grpc.Client[] = []
beforeAll(async () => {
  db = await testDatabase()
  receiver = await testReceiver(db, { log })
})
afterAll(async () => {
  await receiver.stop()
  await db.drop()
})
beforeEach(() => db.pool.query('truncate aforo_store.usage_journal, aforo_store.traces'))
afterEach(() => {
  for (const client of clients.splice(0)) client.close()
})

interface Reply {
  readonly code: number
  readonly message: string
  readonly details: Buffer | undefined
  readonly body: Buffer
}

function call(
  path: string,
  body: Buffer,
  { to = receiver, metadata = new grpc.Metadata(), options = {} as grpc.ClientOptions } = {},
): Promise<Reply> {
  const client = new grpc.Client(`127.0.0.1:${to.grpcPort}`, grpc.credentials.createInsecure(), options)
  clients.push(client)
  const asIs = (bytes: Buffer) => bytes
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, asIs, asIs, body, metadata, (error, reply) => {
      resolve({
        code: error?.code ?? grpc.status.OK,
        message: error?.details ?? '',
        details: error?.metadata.get('grpc-status-details-bin')[0] as Buffer | undefined,
        body: reply ?? Buffer.alloc(0),
      })
    })
  })
}

describe('an export', () => {
  it('is durable when it is answered, and the answer is empty', async () => {
    const reply = await call(TRACES, protobufOf(chatSpan(), chatSpan()))
    expect(reply).toMatchObject({ code: grpc.status.OK })
    expect(reply.body).toHaveLength(0)
    expect(await journalled(db)).toBe(2)
  })
  it.each(['gzip', 'deflate'])('may be compressed with %s', async (_) => {
    const algorithm = grpc.compressionAlgorithms[_ as 'gzip' | 'deflate']
    const options = { 'grpc.default_compression_algorithm': algorithm }
    expect(await call(TRACES, protobufOf(chatSpan()), { options })).toMatchObject({ code: grpc.status.OK })
    expect(await journalled(db)).toBe(1)
  })
  it('may be empty', async () => expect(await call(TRACES, Buffer.alloc(0))).toMatchObject({ code: 0 }))
  it('tells of spans it left out and keeps the others', async () => {
    const { body } = await call(TRACES, protobufOf(chatSpan({ traceId: 'abcd' }), chatSpan()))
    expect(readExportResponse(body)).toMatchObject({ partialSuccess: { rejectedSpans: 1 } })
    expect(await journalled(db)).toBe(1)
  })
  it.each([LOGS, METRICS])('of another signal is dropped with a warning: %s', async (path) => {
    const { code, body } = await call(path, Buffer.from('x'))
    expect(code).toBe(0)
    expect(readExportResponse(body)).toMatchObject({ partialSuccess: { errorMessage: expect.any(String) } })
  })
  it('tells who sends, at debug', () => {
    const agents = log.lines.map((line) => (line.fields as { agent?: string }).agent)
    expect(agents).toContainEqual(expect.stringContaining('grpc-node-js'))
  })
})

describe('a refusal', () => {
  it('of garbage is permanent', async () => {
    const reply = await call(TRACES, Buffer.from([0xff, 0xff]))
    expect(reply.code).toBe(grpc.status.INVALID_ARGUMENT)
    expect(readStatus(reply.details!)).toMatchObject({ code: 3, retrySeconds: null })
  })
  it('of a message over the limit is RESOURCE_EXHAUSTED, also after decompression, and not retried', async () => {
    const large = Buffer.alloc(BODY_BYTES_MAX + 1)
    const plain = await call(TRACES, large)
    const options = { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip }
    const small = await call(TRACES, large, { options })
    expect(gzipSync(large).length).toBeLessThan(1000)
    for (const reply of [plain, small]) {
      expect(reply.code).toBe(grpc.status.RESOURCE_EXHAUSTED)
      expect(readStatus(reply.details!)).toMatchObject({ code: 8, retrySeconds: null })
    }
  })
  it('for a database that is away is UNAVAILABLE with RetryInfo', async () => {
    const nowhere = openPool('postgres://127.0.0.1:1/none', { max: 1 })
    const away = await testReceiver(db, { pool: nowhere })
    const reply = await call(TRACES, protobufOf(chatSpan()), { to: away })
    expect(reply.code).toBe(grpc.status.UNAVAILABLE)
    expect(readStatus(reply.details!)).toMatchObject({ code: 14, retrySeconds: 1 })
    await away.stop()
    await nowhere.end()
  })

  const codes = Object.keys(STATUS_OF) as ErrorCode[]
  it.each(codes)('for %s has the code of the table, never UNKNOWN', async (code) => {
    const access = {
      async authorise(): Promise<string> {
        throw new AforoError(code, 'no')
      },
    }
    const refusing = await testReceiver(db, { access })
    const reply = await call(TRACES, protobufOf(chatSpan()), { to: refusing })
    expect(reply.code).toBe(STATUS_OF[code].grpc)
    await refusing.stop()
  })

  it('takes the key and the tenant from metadata', async () => {
    const seen: object[] = []
    const access = {
      async authorise(credentials: object): Promise<string> {
        seen.push(credentials)
        return 'tenant-a'
      },
    }
    const watched = await testReceiver(db, { access })
    const metadata = new grpc.Metadata()
    metadata.set('authorization', 'Bearer k')
    metadata.set('x-aforo-tenant', 'tenant-a')
    await call(TRACES, protobufOf(chatSpan()), { to: watched, metadata })
    expect(seen).toEqual([{ authorization: 'Bearer k', tenantHeader: 'tenant-a' }])
    await watched.stop()
  })
})

describe('health', () => {
  it('is serving', async () => {
    const { body } = await call('/grpc.health.v1.Health/Check', Buffer.alloc(0))
    expect([...body]).toEqual([8, 1])
  })
  it('tells who watches when the receiver stops', async () => {
    const stopping = await testReceiver(db)
    const client = new grpc.Client(`127.0.0.1:${stopping.grpcPort}`, grpc.credentials.createInsecure())
    clients.push(client)
    const asIs = (bytes: Buffer) => bytes
    const reports: number[][] = []
    const watch = client.makeServerStreamRequest('/grpc.health.v1.Health/Watch', asIs, asIs, Buffer.alloc(0))
    const ended = new Promise<number>((resolve) => {
      watch.on('status', (status) => resolve(status.code))
    })
    watch.on('data', (report: Buffer) => reports.push([...report]))
    await expect.poll(() => reports).toEqual([[8, 1]])
    await stopping.stop()
    expect(await ended).toBe(grpc.status.OK)
    expect(reports).toEqual([
      [8, 1],
      [8, 2],
    ])
  })
})

import { request as httpRequest } from 'node:http'
import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Receiver } from '../../receiver/receiver.ts'
import { createAccess } from '../../schema/access.ts'
import { createKey } from '../../schema/keys.ts'
import { openPool } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import {
  BODY_BYTES_MAX,
  chatSpan,
  journalled,
  jsonOf,
  keepingLog,
  protobufOf,
  testReceiver,
} from '../support/receiver.ts'
import { readExportResponse, readStatus } from '../support/rpc-status.ts'

/** The receiver's side of OTLP/HTTP, by the rows of the specification's requirements. */

const PROTOBUF = 'application/x-protobuf'
const JSON_TYPE = 'application/json'

let db: TestDatabase
let receiver: Receiver
const log = keepingLog()
beforeAll(async () => {
  db = await testDatabase()
  receiver = await testReceiver(db, { log })
})
afterAll(async () => {
  await receiver.stop()
  await db.drop()
})
beforeEach(() => db.pool.query('truncate aforo_store.usage_journal, aforo_store.traces'))

interface Answer {
  readonly status: number
  readonly type: string | null
  readonly headers: Headers
  readonly body: Buffer
}

async function post(
  body: string | Buffer,
  headers: Record<string, string> = {},
  { path = '/v1/traces', method = 'POST', to = receiver } = {},
): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${to.httpPort}${path}`, {
    method,
    headers: { 'content-type': PROTOBUF, ...headers },
    ...(method === 'GET' ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
  })
  const bytes = Buffer.from(await response.arrayBuffer())
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    headers: response.headers,
    body: bytes,
  }
}

const json = (body: string, headers = {}) => post(body, { 'content-type': JSON_TYPE, ...headers })

describe('a body', () => {
  it.each([
    ['plain', {}, (body: Buffer) => body],
    ['identity', { 'content-encoding': 'identity' }, (body: Buffer) => body],
    ['gzip', { 'content-encoding': 'gzip' }, gzipSync],
    ['zstd', { 'content-encoding': 'zstd' }, zstdCompressSync],
    ['deflate', { 'content-encoding': 'deflate' }, deflateSync],
    ['bare deflate', { 'content-encoding': 'deflate' }, deflateRawSync],
  ] as const)('is taken %s', async (_, headers, encode) => {
    const answer = await post(encode(protobufOf(chatSpan())), headers)
    expect(answer).toMatchObject({ status: 200, type: PROTOBUF })
    expect(answer.body).toHaveLength(0)
    expect(await journalled(db)).toBe(1)
  })

  it('in a coding we do not have is refused, and the ones we have are told', async () => {
    const answer = await post('x', { 'content-encoding': 'snappy' })
    expect(answer.status).toBe(415)
    expect(answer.headers.get('accept-encoding')).toBe('gzip, zstd, deflate')
  })

  it('may come without a length', async () => {
    const status = await chunked(protobufOf(chatSpan()))
    expect(status).toBe(200)
    expect(await journalled(db)).toBe(1)
  })

  it.each([
    ['application/x-protobuf', protobufOf(chatSpan()), PROTOBUF],
    ['Application/X-Protobuf; charset=utf-8', protobufOf(chatSpan()), PROTOBUF],
    ['application/protobuf', protobufOf(chatSpan()), PROTOBUF],
    ['application/json', jsonOf(chatSpan()), JSON_TYPE],
    ['application/json; charset=utf-8', jsonOf(chatSpan()), JSON_TYPE],
  ])('of %s is answered in kind', async (type, body, answered) => {
    expect(await post(body, { 'content-type': type })).toMatchObject({ status: 200, type: answered })
    expect(await journalled(db)).toBe(1)
  })

  it('of another media type is refused', async () => {
    const answer = await post('hello', { 'content-type': 'text/plain' })
    expect(answer).toMatchObject({ status: 415, type: JSON_TYPE })
    expect(JSON.parse(String(answer.body)).code).toBe(12)
  })

  it('may be empty', async () => {
    expect(await post('')).toMatchObject({ status: 200, type: PROTOBUF })
    expect(String((await json('{}')).body)).toBe('{}')
    expect(await json('{"resourceSpans":[]}')).toMatchObject({ status: 200 })
  })

  it('may hold fields of the future', async () => {
    const unknown = Buffer.from([0xf8, 0x07, 0x01])
    expect(await post(Buffer.concat([protobufOf(chatSpan()), unknown]))).toMatchObject({ status: 200 })
    expect(await json(JSON.stringify({ ...JSON.parse(jsonOf(chatSpan())), later: [1] }))).toMatchObject({
      status: 200,
    })
    expect(await journalled(db)).toBe(2)
  })

  it('that was sent before is taken again and counted once', async () => {
    const body = protobufOf(chatSpan(), chatSpan())
    expect(await post(body)).toMatchObject({ status: 200 })
    expect(await post(body)).toMatchObject({ status: 200 })
    expect(await journalled(db)).toBe(2)
  })

  it('of a path we do not have is not found, and of another method not allowed', async () => {
    const missing = await post('', {}, { path: '/v1/trace' })
    expect(missing).toMatchObject({ status: 404, type: PROTOBUF })
    expect(readStatus(missing.body).code).toBe(5)
    const wrong = await post('', {}, { method: 'GET' })
    expect(wrong).toMatchObject({ status: 405, type: PROTOBUF })
    expect(wrong.headers.get('allow')).toBe('POST')
    expect(readStatus(wrong.body).code).toBe(12)
  })
})

describe('other signals', () => {
  it.each(['/v1/logs', '/v1/metrics', '/v1development/profiles'])(
    '%s are taken and dropped, and told so',
    async (path) => {
      const answer = await post(Buffer.from('anything'), {}, { path })
      expect(answer).toMatchObject({ status: 200, type: PROTOBUF })
      expect(readExportResponse(answer.body)).toEqual({
        partialSuccess: { errorMessage: expect.stringContaining('dropped') },
      })
    },
  )
})

describe('a partial success', () => {
  const odd = () => [chatSpan({ traceId: 'abcd' }), chatSpan(), chatSpan({ spanId: '0000000000000000' })]

  it('tells how many spans had no usable ids, and keeps the others', async () => {
    const told = readExportResponse((await post(protobufOf(...odd()))).body)
    expect(told).toEqual({
      partialSuccess: { rejectedSpans: 2, errorMessage: expect.stringContaining('trace_id') },
    })
    expect(await journalled(db)).toBe(1)
  })
  it('in JSON has its count as text', async () => {
    const answer = await json(jsonOf(...odd()))
    expect(JSON.parse(String(answer.body)).partialSuccess).toMatchObject({ rejectedSpans: '2' })
  })
})

describe('a body over the limit', () => {
  const large = Buffer.alloc(BODY_BYTES_MAX + 1)

  it('is refused by its length, without being read', async () => {
    const answer = await post(large)
    expect(answer).toMatchObject({ status: 413, type: PROTOBUF })
    expect(readStatus(answer.body)).toMatchObject({ code: 8, retrySeconds: null })
  })
  it('is refused while it comes in pieces', async () => expect(await chunked(large)).toBe(413))
  it.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
    ['deflate', deflateSync],
  ] as const)('is refused where a small %s body grows into it', async (coding, encode) => {
    expect(await post(encode(large), { 'content-encoding': coding })).toMatchObject({ status: 413 })
    expect(await post(encode(Buffer.alloc(50_000_000)), { 'content-encoding': coding })).toMatchObject({
      status: 413,
    })
  })
  it('is one byte longer than one that is taken', async () => {
    const span = protobufOf(chatSpan())
    // An unknown length-delimited field, number 1000, that fills the body up to the byte.
    const filler = BODY_BYTES_MAX - span.length - 5
    const head = Buffer.from([
      0xc2,
      0x3e,
      (filler & 0x7f) | 0x80,
      ((filler >> 7) & 0x7f) | 0x80,
      filler >> 14,
    ])
    const full = Buffer.concat([span, head, Buffer.alloc(filler)])
    expect(full).toHaveLength(BODY_BYTES_MAX)
    expect(await post(full)).toMatchObject({ status: 200 })
    expect(await post(Buffer.concat([full, Buffer.alloc(1)]))).toMatchObject({ status: 413 })
  })
})

describe('faults', () => {
  it.each([
    ['garbage', Buffer.from([0xff, 0xff, 0xff]), {}],
    ['cut off', protobufOf(chatSpan()).subarray(0, -3), {}],
    ['not what its coding says', Buffer.from('plain'), { 'content-encoding': 'gzip' }],
    ['a gzip cut off', gzipSync(protobufOf(chatSpan())).subarray(0, -9), { 'content-encoding': 'gzip' }],
  ])('of bytes that are %s are permanent', async (_, body, headers) => {
    const answer = await post(body, headers)
    expect(answer).toMatchObject({ status: 400, type: PROTOBUF })
    expect(readStatus(answer.body).code).toBe(3)
    expect(await journalled(db)).toBe(0)
  })
  it.each(['{', '[]', '{"resourceSpans":7}', 'null'])('of JSON %j are permanent', async (body) => {
    const answer = await json(body)
    expect(answer).toMatchObject({ status: 400, type: JSON_TYPE })
    expect(JSON.parse(String(answer.body))).toMatchObject({ code: 3, message: expect.any(String) })
  })

  it('of a database that is away pass: 503 with a time to come again', async () => {
    const nowhere = openPool('postgres://127.0.0.1:1/none', { max: 1 })
    const away = await testReceiver(db, { pool: nowhere })
    for (const type of [PROTOBUF, JSON_TYPE]) {
      const body = type === PROTOBUF ? protobufOf(chatSpan()) : jsonOf(chatSpan())
      const answer = await post(body, { 'content-type': type }, { to: away })
      expect(answer).toMatchObject({ status: 503, type })
      expect(answer.headers.get('retry-after')).toBe('1')
      if (type === PROTOBUF) expect(readStatus(answer.body)).toMatchObject({ code: 14, retrySeconds: 1 })
    }
    await away.stop()
    await nowhere.end()
  })

  it('of a database without our tables pass too: they are not the sender’s', async () => {
    const { rows } = await db.pool.query('select current_database() as name')
    const url = new URL(db.url)
    url.pathname = '/postgres'
    expect(rows[0].name).not.toBe('postgres')
    const bare = openPool(url.href, { max: 1 })
    const wrong = await testReceiver(db, { pool: bare })
    expect(await post(protobufOf(chatSpan()), {}, { to: wrong })).toMatchObject({ status: 503 })
    await wrong.stop()
    await bare.end()
  })
})

describe('access', () => {
  it('needs a key of the right role where keys are asked for', async () => {
    const closed = await testReceiver(db, { access: createAccess(db.pool, { open: false }) })
    const { secret } = await createKey(db.pool, { tenantId: 'tenant-a', role: 'ingest' })
    const { secret: reader } = await createKey(db.pool, { tenantId: 'tenant-a', role: 'read' })
    const send = (headers: Record<string, string>) => post(protobufOf(chatSpan()), headers, { to: closed })
    const none = await send({})
    expect(none).toMatchObject({ status: 401, type: PROTOBUF })
    expect(readStatus(none.body).code).toBe(16)
    expect(await send({ authorization: 'Bearer wrong' })).toMatchObject({ status: 401 })
    expect(await send({ authorization: `Bearer ${reader}` })).toMatchObject({ status: 403 })
    const other = { authorization: `Bearer ${secret}`, 'x-aforo-tenant': 'tenant-b' }
    expect(await send(other)).toMatchObject({ status: 403 })
    expect(await journalled(db)).toBe(0)
    expect(await send({ authorization: `Bearer ${secret}` })).toMatchObject({ status: 200 })
    const { rows } = await db.pool.query('select tenant_id from aforo_store.usage_journal')
    expect(rows).toEqual([{ tenant_id: 'tenant-a' }])
    await closed.stop()
    await db.pool.query('truncate aforo_store.api_keys')
  })

  it('is not opened to browsers', async () => {
    const answer = await post('', { origin: 'https://example.com' }, { method: 'OPTIONS' })
    expect(answer.status).toBe(405)
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
  })
})

describe('a connection', () => {
  it('is kept open longer than load balancers do', async () => {
    const { headers } = await post('')
    const seconds = Number(/timeout=(\d+)/.exec(headers.get('keep-alive') ?? '')?.[1])
    expect(seconds).toBeGreaterThanOrEqual(65)
  })
  it('tells who sends, at debug', async () => {
    await post('', { 'user-agent': 'OTel-OTLP-Exporter-JavaScript/9' })
    expect(log.lines.filter((line) => line.level === 'debug').map((line) => line.fields)).toContainEqual(
      expect.objectContaining({ agent: 'OTel-OTLP-Exporter-JavaScript/9' }),
    )
  })
})

/** Sends a body in pieces, without content-length. */
function chunked(body: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = {
      port: receiver.httpPort,
      path: '/v1/traces',
      method: 'POST',
      headers: { 'content-type': PROTOBUF },
    }
    const request = httpRequest(options, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    request.on('error', reject)
    for (let at = 0; at < body.length; at += 10_000) request.write(body.subarray(at, at + 10_000))
    request.end()
  })
}

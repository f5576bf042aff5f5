import { afterAll, beforeAll, expect, it } from 'vitest'
import { type AforoProcess, runAforo } from '../e2e/process.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { ExportTraceServiceRequest } from '../support/otlp-proto.ts'
import { expectBilled } from './bill.ts'
import { queueFolder, runCollector } from './collector.ts'
import type { Relay } from './exchange.ts'
import { startGrpcRelay } from './grpc-relay.ts'
import { plainBody, startHttpRelay } from './http-relay.ts'
import { overGrpc, overHttp } from './overlays.ts'
import { exportAll, tracesOf, type Way } from './traffic.ts'

const TRACES_EACH = 30
const WAYS: readonly Way[] = ['protobuf', 'json', 'grpc']

let database: TestDatabase
let aforo: AforoProcess

beforeAll(async () => {
  database = await testDatabase()
  aforo = await runAforo('serve', { DATABASE_URL: database.url })
})
afterAll(async () => {
  await aforo.end('SIGTERM')
  await database.drop()
})

const sendings = [
  ['protobuf, gzip', overHttp({}), 'application/x-protobuf', 'gzip'],
  ['protobuf, zstd', overHttp({ compression: 'zstd' }), 'application/x-protobuf', 'zstd'],
  ['JSON, gzip', overHttp({ encoding: 'json' }), 'application/json', 'gzip'],
  ['JSON, zstd', overHttp({ encoding: 'json', compression: 'zstd' }), 'application/json', 'zstd'],
] as const

for (const [name, overlay, contentType, coding] of sendings) {
  it(`three clients merged into batches are billed apart: ${name}`, async () => {
    const relay = await startHttpRelay({ target: aforo.ports.otlp_http! })
    try {
      await throughCollector(relay, overlay, name)
      for (const exchange of relay.exchanges)
        expect(exchange).toMatchObject({ status: 200, contentType, coding })
      if (contentType !== 'application/json') {
        const merged = relay.exchanges.map((exchange) => customersIn(plainBody(exchange)).size)
        expect(Math.max(...merged)).toBe(WAYS.length)
      }
    } finally {
      await relay.close()
    }
  })
}

it('three clients merged into batches are billed apart: gRPC, gzip', async () => {
  const relay = await startGrpcRelay({ target: aforo.ports.otlp_grpc! })
  try {
    await throughCollector(relay, overGrpc(relay.port), 'gRPC')
    for (const exchange of relay.exchanges) expect(exchange).toMatchObject({ status: 0, coding: 'gzip' })
  } finally {
    await relay.close()
  }
})

/** A client per way, all at once; what they sent arrives in fewer requests than they made. */
async function throughCollector(relay: Relay, overlay: object, name: string): Promise<void> {
  const queue = queueFolder()
  const collector = await runCollector({
    aforo: `http://127.0.0.1:${relay.port}`,
    storage: queue.storage,
    overlay,
  })
  try {
    const clients = WAYS.map((way) => {
      const customer = `${way} client of ${name}`
      return { way, customer, told: tracesOf(customer, TRACES_EACH) }
    })
    await Promise.all(clients.map(({ way, told }) => exportAll(collector.host, way, told)))
    for (const { customer, told } of clients) await expectBilled({ port: aforo.ports.api! }, customer, told)
    expect(relay.exchanges.length).toBeLessThan((WAYS.length * TRACES_EACH) / 3)
    await collector.end('SIGTERM')
  } finally {
    await collector.end('SIGKILL')
    queue.remove()
  }
}

function customersIn(body: Buffer): ReadonlySet<string> {
  const text = JSON.stringify(ExportTraceServiceRequest.decode(body))
  return new Set([...text.matchAll(/"(\w+ client of [^"]+)"/g)].map(([, customer]) => customer!))
}

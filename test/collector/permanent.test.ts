import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type AforoProcess, runAforo } from '../e2e/process.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { type Door, expectBilled } from './bill.ts'
import { type Collector, queueFolder, runCollector } from './collector.ts'
import type { Exchange, Relay } from './exchange.ts'
import { startGrpcRelay } from './grpc-relay.ts'
import { startHttpRelay } from './http-relay.ts'
import { HASTY, overGrpc, overHttp } from './overlays.ts'
import { exportAll, post, tracesOf } from './traffic.ts'
import { within } from './wait.ts'

const BODY_BYTES_MAX = 16_384
const INGEST_KEY = 'ingest-key-of-the-collector-test'
const READ_KEY = 'read-key-of-the-collector-test'
/** Many times the pause between tries: what is tried again shows. */
const RETRIED_MS = 1_000

let database: TestDatabase
let aforo: AforoProcess
let door: Door

beforeAll(async () => {
  database = await testDatabase()
  aforo = await runAforo('serve', {
    DATABASE_URL: database.url,
    AFORO_MAX_BODY_BYTES: String(BODY_BYTES_MAX),
    AFORO_INITIAL_KEYS: `ingest:${INGEST_KEY},read:${READ_KEY}`,
  })
  door = { port: aforo.ports.api!, key: READ_KEY }
})
afterAll(async () => {
  await aforo.end('SIGTERM')
  await database.drop()
})

it('spans without ids are left out for good, the rest of their batch is billed', async () => {
  await throughHttp(INGEST_KEY, async (collector, relay) => {
    const told = tracesOf('partial', 5)
    const spans = told.flatMap(({ literal }) => spansIn(literal.body))
    const garbage = spans.map((span, i) =>
      i % 2 ? { ...span, spanId: '0000000000000000' } : { ...span, traceId: '' },
    )
    expect(await postSpans(collector, [...garbage, ...spans])).toBe(true)
    await expectBilled(door, 'partial', told)
    expect(statusesOf(await settled(relay))).toEqual([200])
    expect(collector.log()).toMatch(/Partial success response.*"dropped_spans": 10\b/s)
    await expectNext(collector, relay, 'after the garbage')
  })
})

it('a body that is too large is refused once with 413, and what comes after it is taken', async () => {
  await throughHttp(INGEST_KEY, async (collector, relay) => {
    expect(await postSpans(collector, large('oversize'))).toBe(true)
    expect(statusesOf(await settled(relay))).toEqual([413])
    await expectNext(collector, relay, 'after 413')
    await expectBilled(door, 'oversize', [])
    expect(await collector.metric('otelcol_exporter_send_failed_spans')).toBeGreaterThan(0)
  })
})

it('a message that is too large is refused once with RESOURCE_EXHAUSTED, and what comes after it is taken', async () => {
  const relay = await startGrpcRelay({ target: aforo.ports.otlp_grpc! })
  await through(relay, overGrpc(relay.port, HASTY), INGEST_KEY, async (collector) => {
    expect(await postSpans(collector, large('oversize over gRPC'))).toBe(true)
    expect(statusesOf(await settled(relay))).toEqual([8])
    await expectNext(collector, relay, 'after RESOURCE_EXHAUSTED')
  })
})

it('a key that Aforo does not know is refused once with 401, over gRPC with UNAUTHENTICATED', async () => {
  await throughHttp('a key that nobody gave out', async (collector, relay) => {
    await exportAll(collector.host, 'protobuf', tracesOf('stranger', 1))
    expect(statusesOf(await settled(relay))).toEqual([401])
  })
  const relay = await startGrpcRelay({ target: aforo.ports.otlp_grpc! })
  await through(relay, overGrpc(relay.port, HASTY), 'a key that nobody gave out', async (collector) => {
    await exportAll(collector.host, 'protobuf', tracesOf('stranger', 1))
    expect(statusesOf(await settled(relay))).toEqual([16])
  })
  await expectBilled(door, 'stranger', [])
})

async function throughHttp(
  key: string,
  work: (collector: Collector, relay: Relay) => Promise<void>,
): Promise<void> {
  const relay = await startHttpRelay({ target: aforo.ports.otlp_http! })
  await through(relay, overHttp({ retry: HASTY }), key, (collector) => work(collector, relay))
}

async function through(
  relay: Relay,
  overlay: object,
  key: string,
  work: (collector: Collector) => Promise<void>,
): Promise<void> {
  const queue = queueFolder()
  const aforoUrl = `http://127.0.0.1:${relay.port}`
  const collector = await runCollector({ aforo: aforoUrl, key, storage: queue.storage, overlay })
  try {
    await work(collector)
  } finally {
    await collector.end('SIGKILL')
    await relay.close()
    queue.remove()
  }
}

/** The exchanges, once there was time for a repetition. */
async function settled(relay: Relay): Promise<readonly Exchange[]> {
  await within(10_000, 'Aforo has answered', () => relay.exchanges.some(({ status }) => status !== null))
  await sleep(RETRIED_MS)
  return relay.exchanges
}

function statusesOf(exchanges: readonly Exchange[]): readonly (number | null)[] {
  return exchanges.map(({ status }) => status)
}

/** Nothing blocks the queue. */
async function expectNext(collector: Collector, relay: Relay, customer: string): Promise<void> {
  const before = relay.exchanges.length
  const next = tracesOf(customer, 1)
  await exportAll(collector.host, 'protobuf', next)
  await expectBilled(door, customer, next)
  expect(relay.exchanges.length).toBe(before + 1)
}

/** Spans of traces that are together too large for one request, even compressed. */
function large(customer: string): readonly Span[] {
  return tracesOf(customer, 100).flatMap(({ literal }) => spansIn(literal.body))
}

type Span = Readonly<Record<string, unknown>>

interface Body {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[]
}

function spansIn(body: object): readonly Span[] {
  return (body as Body).resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
}

function postSpans(collector: Collector, spans: readonly Span[]): Promise<boolean> {
  const body = { resourceSpans: [{ resource: {}, scopeSpans: [{ scope: { name: 'e2e' }, spans }] }] }
  return post(collector.host, 'json', Buffer.from(JSON.stringify(body)))
}

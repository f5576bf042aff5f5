import { afterAll, beforeAll, expect, it } from 'vitest'
import { type AforoProcess, runAforo } from '../e2e/process.ts'
import { expectBilled } from './bill.ts'
import { type Collector, queueFolder, runCollector } from './collector.ts'
import type { Exchange, Relay } from './exchange.ts'
import { startGrpcRelay } from './grpc-relay.ts'
import { startHttpRelay } from './http-relay.ts'
import { HASTY, overGrpc, overHttp } from './overlays.ts'
import { type Postgres, startPostgres } from './postgres.ts'
import { exportAll, tracesOf } from './traffic.ts'
import { within } from './wait.ts'

/** What Aforo asks for where its database is away. */
const ASKED_MS = 1_000
/** Clocks and timers of three processes. */
const SLACK_MS = 20
const REFUSALS = 3
/** One request at a time, so that what follows a refusal is its own repetition. */
const ONE_BY_ONE = { num_consumers: 1 }

let postgres: Postgres
let aforo: AforoProcess

beforeAll(async () => {
  postgres = await startPostgres()
  aforo = await runAforo('serve', { DATABASE_URL: postgres.url })
})
afterAll(async () => {
  await aforo.end('SIGTERM')
  await postgres.remove()
})

it('while the database is away the Collector is told 503, waits as asked, and loses nothing', async () => {
  const relay = await startHttpRelay({ target: aforo.ports.otlp_http! })
  const overlay = overHttp({ retry: HASTY, queue: ONE_BY_ONE })
  const refused = await outage(relay, overlay, 'acme over HTTP', (exchange) => exchange.status === 503)
  for (const exchange of refused) expect(exchange.retryAfter).toBe('1')
})

it('while the database is away the Collector is told UNAVAILABLE, waits as asked, and loses nothing', async () => {
  const relay = await startGrpcRelay({ target: aforo.ports.otlp_grpc! })
  const overlay = overGrpc(relay.port, HASTY, ONE_BY_ONE)
  const refused = await outage(relay, overlay, 'acme over gRPC', (exchange) => exchange.status === 14)
  for (const { statusDetails } of refused)
    expect(Buffer.from(statusDetails!, 'base64').toString('latin1')).toContain('google.rpc.RetryInfo')
})

/** Sends before, during and after an outage of the database; resolves with the requests refused meanwhile. */
async function outage(
  relay: Relay,
  overlay: object,
  customer: string,
  isRefused: (exchange: Exchange) => boolean,
): Promise<readonly Exchange[]> {
  const queue = queueFolder()
  const aforoUrl = `http://127.0.0.1:${relay.port}`
  const collector = await runCollector({ aforo: aforoUrl, storage: queue.storage, overlay })
  const door = { port: aforo.ports.api! }
  const refused = () => relay.exchanges.filter(isRefused)
  try {
    const told = tracesOf(customer, 30)
    await exportAll(collector.host, 'protobuf', told.slice(0, 10))
    await expectBilled(door, customer, told.slice(0, 10))

    await postgres.stop()
    await exportAll(collector.host, 'grpc', told.slice(10, 20))
    await within(30_000, `${REFUSALS} refusals`, () => refused().length >= REFUSALS)
    expect(await waiting(collector)).toBeGreaterThan(0)
    await postgres.start()

    await exportAll(collector.host, 'json', told.slice(20))
    await expectBilled(door, customer, told)
    await within(10_000, 'the queue is empty', async () => (await waiting(collector)) === 0)
    expectPatience(relay.exchanges, isRefused)
    expect(refused().length).toBeGreaterThanOrEqual(REFUSALS)
    return refused()
  } finally {
    await collector.end('SIGKILL')
    await relay.close()
    queue.remove()
  }
}

/** After each refusal the next request comes no sooner than Aforo asked, and not much later. */
function expectPatience(exchanges: readonly Exchange[], isRefused: (exchange: Exchange) => boolean): void {
  exchanges.forEach((exchange, i) => {
    if (!isRefused(exchange)) return
    const pauseMs = exchanges[i + 1]!.askedMs - exchange.answeredMs
    expect(pauseMs).toBeGreaterThanOrEqual(ASKED_MS - SLACK_MS)
    expect(pauseMs).toBeLessThan(3 * ASKED_MS)
  })
}

function waiting(collector: Collector): Promise<number> {
  return collector.metric('otelcol_exporter_queue_size')
}

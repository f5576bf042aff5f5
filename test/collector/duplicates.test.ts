import { afterAll, beforeAll, expect, it } from 'vitest'
import { type AforoProcess, runAforo } from '../e2e/process.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { expectBilled } from './bill.ts'
import { queueFolder, runCollector } from './collector.ts'
import type { Relay } from './exchange.ts'
import { startGrpcRelay } from './grpc-relay.ts'
import { startHttpRelay } from './http-relay.ts'
import { HASTY, overGrpc, overHttp } from './overlays.ts'
import { exportAll, type Told, tracesOf } from './traffic.ts'
import { within } from './wait.ts'

/** Of every trace: the agent and its call. */
const SPANS_PER_TRACE = 2

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

it('two Collectors that are sent the same bill it once', async () => {
  const queues = [queueFolder(), queueFolder()]
  const url = `http://127.0.0.1:${aforo.ports.otlp_http}`
  const collectors = await Promise.all(
    queues.map(({ storage }) => runCollector({ aforo: url, storage, overlay: overHttp({}) })),
  )
  try {
    const told = tracesOf('twice', 50)
    const ways = ['protobuf', 'grpc'] as const
    await Promise.all(collectors.map(({ host }, i) => exportAll(host, ways[i]!, told)))
    await expectBilled({ port: aforo.ports.api! }, 'twice', told)
    await expectRows(told)
  } finally {
    await Promise.all(collectors.map((collector) => collector.end('SIGKILL')))
    for (const queue of queues) queue.remove()
  }
})

it('what is sent again over HTTP, as its answer was lost, is billed once', async () => {
  const relay = await startHttpRelay({ target: aforo.ports.otlp_http!, deliver: everyThird })
  await expectOnce(relay, overHttp({ retry: HASTY }), 'answers lost over HTTP', 200)
})

it('what is sent again over gRPC, as its answer was lost, is billed once', async () => {
  const relay = await startGrpcRelay({ target: aforo.ports.otlp_grpc!, deliver: everyThird })
  await expectOnce(relay, overGrpc(relay.port, HASTY), 'answers lost over gRPC', 0)
})

it('what Aforo had committed when it was killed, and not answered, is billed once', async () => {
  const queue = queueFolder()
  let second: AforoProcess | undefined
  const first = await runAforo('serve', { DATABASE_URL: database.url })
  const relay: Relay = await startHttpRelay({
    target: first.ports.otlp_http!,
    async deliver(_, nth) {
      if (nth > 1) return true
      await first.end('SIGKILL')
      second = await runAforo('serve', { DATABASE_URL: database.url })
      relay.retarget(second.ports.otlp_http!)
      return false
    },
  })
  const url = `http://127.0.0.1:${relay.port}`
  const collector = await runCollector({ aforo: url, storage: queue.storage, overlay: overHttp({}) })
  try {
    const told = tracesOf('killed after the commit', 20)
    await exportAll(collector.host, 'protobuf', told)
    await within(30_000, 'it is sent again', () => relay.exchanges.length > 1)
    await expectBilled({ port: aforo.ports.api! }, 'killed after the commit', told)
    await expectRows(told)
    for (const { status } of [relay.exchanges[0]!, relay.exchanges.at(-1)!]) expect(status).toBe(200)
  } finally {
    await collector.end('SIGKILL')
    await relay.close()
    await first.end('SIGKILL')
    await second?.end('SIGTERM')
    queue.remove()
  }
})

/** Two of three answers are lost on their way. */
function everyThird(_: unknown, nth: number): boolean {
  return nth % 3 === 0
}

async function expectOnce(relay: Relay, overlay: object, customer: string, ok: number): Promise<void> {
  const queue = queueFolder()
  const url = `http://127.0.0.1:${relay.port}`
  const collector = await runCollector({ aforo: url, storage: queue.storage, overlay })
  try {
    const told = tracesOf(customer, 60)
    const parts = [told.slice(0, 20), told.slice(20, 40), told.slice(40)]
    for (const part of parts) {
      await exportAll(collector.host, 'protobuf', part)
      await expectBilled({ port: aforo.ports.api! }, customer, told.slice(0, told.indexOf(part.at(-1)!) + 1))
    }
    await expectRows(told)
    expect(relay.exchanges.length).toBeGreaterThanOrEqual(3)
    for (const { status } of relay.exchanges) expect(status).toBe(ok)
  } finally {
    await collector.end('SIGKILL')
    await relay.close()
    queue.remove()
  }
}

/** The journal has every span once, whatever was sent. */
async function expectRows(told: readonly Told[]): Promise<void> {
  const { rows } = await database.pool.query<{ spans: string; distinct: string }>(
    `select count(*) as spans, count(distinct (trace_id, span_id)) as distinct
     from aforo_store.usage_journal where encode(trace_id, 'hex') = any($1)`,
    [told.map(({ traceId }) => traceId)],
  )
  const spans = String(told.length * SPANS_PER_TRACE)
  expect(rows).toEqual([{ spans, distinct: spans }])
}

import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type AforoProcess, runAforo } from '../e2e/process.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { expectBilled } from './bill.ts'
import { queueFolder, runCollector } from './collector.ts'
import { startHttpRelay } from './http-relay.ts'
import { HASTY, overHttp } from './overlays.ts'
import { exportAll, exportOnce, type Told, tracesOf } from './traffic.ts'

/** What fits in the queue before it refuses: some dozen traces. */
const QUEUE_BYTES = 16_384
const BATCH = { flush_timeout: '100ms', min_size: 2_048, max_size: 4_096, sizer: 'bytes' }
const TRACES_MAX = 500

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())

it('a Collector killed with a full queue while Aforo is away delivers all of it once, when both are back', async () => {
  const customer = randomBytes(4).toString('hex')
  const queue = queueFolder()
  const relay = await startHttpRelay({ target: 1 })
  const options = {
    aforo: `http://127.0.0.1:${relay.port}`,
    storage: queue.storage,
    overlay: overHttp({ retry: HASTY, queue: { queue_size: QUEUE_BYTES, batch: BATCH } }),
  }
  const first = await runCollector(options)
  let second: Awaited<ReturnType<typeof runCollector>> | undefined
  let aforo: AforoProcess | undefined
  try {
    const told = tracesOf(customer, TRACES_MAX)
    const taken = await fill(first.host, told)
    expect(taken).toBeGreaterThan(20)
    expect(taken).toBeLessThan(TRACES_MAX)
    expect(relay.exchanges.length).toBeGreaterThan(0)
    await first.end('SIGKILL')

    aforo = await runAforo('serve', { DATABASE_URL: database.url })
    relay.retarget(aforo.ports.otlp_http!)
    second = await runCollector(options)
    // The sender of the one that was not acknowledged sends it again, whether or not it was in the queue.
    await exportAll(second.host, 'protobuf', [told[taken]!])
    await expectBilled({ port: aforo.ports.api! }, customer, told.slice(0, taken + 1))
  } finally {
    await first.end('SIGKILL')
    await second?.end('SIGKILL')
    await relay.close()
    await aforo?.end('SIGTERM')
    queue.remove()
  }
})

it('a Collector that is stopped keeps what it holds for the next one', async () => {
  const customer = randomBytes(4).toString('hex')
  const queue = queueFolder()
  const relay = await startHttpRelay({ target: 1 })
  const options = { aforo: `http://127.0.0.1:${relay.port}`, storage: queue.storage }
  const told = tracesOf(customer, 40)
  const first = await runCollector(options)
  await exportAll(first.host, 'grpc', told).finally(() => first.end('SIGTERM'))
  const aforo = await runAforo('serve', { DATABASE_URL: database.url })
  relay.retarget(aforo.ports.otlp_http!)
  const second = await runCollector(options)
  try {
    await expectBilled({ port: aforo.ports.api! }, customer, told)
  } finally {
    await second.end('SIGKILL')
    await relay.close()
    await aforo.end('SIGTERM')
    queue.remove()
  }
})

/** Sends until one is not acknowledged; resolves with the number that were. */
async function fill(host: string, told: readonly Told[]): Promise<number> {
  for (const [i, { literal }] of told.entries()) if (!(await exportOnce(host, 'protobuf', literal))) return i
  return told.length
}

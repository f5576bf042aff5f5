import { afterAll, beforeAll, expect, it } from 'vitest'
import type { BillableEvent } from '../../api/event-fields.ts'
import { type AforoProcess, runAforo } from '../e2e/process.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { requestOf } from '../support/otlp-of-words.ts'
import { type Door, eventsAt } from './bill.ts'
import { type Collector, queueFolder, runCollector } from './collector.ts'
import type { Relay } from './exchange.ts'
import { plainBody, startHttpRelay } from './http-relay.ts'
import { KEPT_IN_JSON, SECRET } from './json-usage.ts'
import { proseOf, type Recording, readRecordings } from './recordings.ts'
import { post } from './traffic.ts'
import { within } from './wait.ts'

const INGEST_KEY = 'ingest-key-of-the-collector-test'
const READ_KEY = 'read-key-of-the-collector-test'
const RECORDINGS = readRecordings()

/** One Aforo that the clients export to themselves, and one that has only what the Collector lets through. */
let databases: readonly TestDatabase[]
let direct: AforoProcess
let behind: AforoProcess
let relay: Relay
let collector: Collector
const queue = queueFolder()

beforeAll(async () => {
  databases = await Promise.all([testDatabase(), testDatabase()])
  direct = await runAforo('serve', { DATABASE_URL: databases[0]!.url })
  behind = await runAforo('serve', {
    DATABASE_URL: databases[1]!.url,
    AFORO_INITIAL_KEYS: `ingest:${INGEST_KEY},read:${READ_KEY}`,
  })
  relay = await startHttpRelay({ target: behind.ports.otlp_http! })
  collector = await runCollector({
    aforo: `http://127.0.0.1:${relay.port}`,
    key: INGEST_KEY,
    storage: queue.storage,
  })
  for (const body of RECORDINGS.flatMap(({ requests }) => requests)) {
    expect(await sendDirect(body)).toBe(200)
    expect(await post(collector.host, 'protobuf', body)).toBe(true)
  }
  await within(60_000, 'both Aforos have rated what they were sent', async () => {
    const counts = await Promise.all([ratedCount(atDirect()), ratedCount(atBehind())])
    return counts[0] > 0 && counts[0] === counts[1]
  }).catch(() => {})
})
afterAll(async () => {
  await collector?.end('SIGKILL')
  await relay?.close()
  await Promise.all([direct?.end('SIGTERM'), behind?.end('SIGTERM')])
  for (const database of databases) await database.drop()
  queue.remove()
})

it('every recording of a real client costs behind the Collector what it costs without', async () => {
  const [without, through] = await Promise.all([eventsAt(atDirect()), eventsAt(atBehind())])
  for (const recording of RECORDINGS) {
    const [expected, found] = [without, through].map((events) => meaningOf(recording, events))
    expect(found, recording.name).toEqual(expected)
  }
  expect(through.reduce((calls, event) => calls + event.model_calls, 0)).toBeGreaterThan(RECORDINGS.length)
})

it('no text that a person, a model or an error said leaves the Collector', () => {
  const prose = new Set(RECORDINGS.flatMap(({ requests }) => requests.flatMap((body) => [...proseOf(body)])))
  expect([...prose]).toContain('Hello, secret prompt text')
  const sent = relay.exchanges.map((exchange) => plainBody(exchange).toString())
  expect(sent.length).toBeGreaterThan(0)
  expect([...prose].filter((text) => sent.some((body) => body.includes(text)))).toEqual([])
})

it.each(KEPT_IN_JSON)(
  'usage that $dialect keeps inside JSON survives, the contents beside it do not',
  async (kept) => {
    expect(await post(collector.host, 'json', Buffer.from(JSON.stringify(kept.request)))).toBe(true)
    const event = await within(20_000, 'it is billed', async () =>
      (await eventsAt(atBehind())).find(
        ({ trace_id, status }) => trace_id === kept.traceId && status !== 'pending',
      ),
    )
    expect({ calls: event.model_calls, unmetered: event.unmetered_calls, ...event.usage }).toMatchObject({
      calls: 1,
      unmetered: 0,
      ...kept.usage,
    })
    expect(event.models.map(({ model }) => model)).toEqual([kept.model])
    const sent = relay.exchanges.map((exchange) => plainBody(exchange).toString())
    expect(sent.filter((body) => body.includes(SECRET))).toEqual([])
  },
)

it('of a status text the HTTP status survives, so that a refusal is known for one', async () => {
  const traceId = 'c0de'.repeat(8)
  const spans = [
    ['chat gpt-4o', { 'gen_ai.usage.input_tokens': 7, 'gen_ai.usage.output_tokens': 3 }, undefined],
    ['chat gpt-4o', {}, `NotFoundError: Error code: 404 - ${SECRET}`],
    ['chat gpt-4o', {}, `${SECRET} after 500 tokens`],
  ] as const
  const request = requestOf(
    spans.map(([name, usage], i) => ({
      id: i + 1,
      name,
      kind: 'client' as const,
      attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'gpt-4o', ...usage },
    })),
  ) as { resourceSpans: { scopeSpans: { spans: { traceId: string; status: object }[] }[] }[] }
  for (const [i, { scopeSpans }] of request.resourceSpans.entries()) {
    const message = spans[i]![2]
    Object.assign(scopeSpans[0]!.spans[0]!, {
      traceId,
      status: message === undefined ? {} : { code: 2, message },
    })
  }
  expect(await post(collector.host, 'json', Buffer.from(JSON.stringify(request)))).toBe(true)
  const event = await within(20_000, 'it is billed', async () =>
    (await eventsAt(atBehind())).find(({ trace_id, status }) => trace_id === traceId && status !== 'pending'),
  )
  expect({ calls: event.model_calls, unmetered: event.unmetered_calls }).toEqual({ calls: 2, unmetered: 1 })
  const sent = relay.exchanges.map((exchange) => plainBody(exchange).toString())
  expect(sent.filter((body) => body.includes(SECRET))).toEqual([])
})

it('the Collector gives up nothing', async () => {
  for (const { status } of relay.exchanges) expect(status).toBe(200)
  expect(await collector.metric('otelcol_exporter_send_failed_spans')).toBe(0)
  expect(collector.log()).not.toMatch(/\t(error|warn)\t/)
})

function atDirect(): Door {
  return { port: direct.ports.api! }
}

function atBehind(): Door {
  return { port: behind.ports.api!, key: READ_KEY }
}

async function sendDirect(body: Buffer): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${direct.ports.otlp_http}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: new Uint8Array(body),
  })
  return response.status
}

async function ratedCount(door: Door): Promise<number> {
  return (await eventsAt(door)).filter(({ status }) => status !== 'pending').length
}

/** What of a recording's events is billed, and to whom; not when it was cut, nor from which spans. */
function meaningOf({ traceIds }: Recording, events: readonly BillableEvent[]): readonly object[] {
  return events
    .filter(({ trace_id }) => traceIds.has(trace_id))
    .map((event) => ({
      trace: event.trace_id,
      customer: event.customer,
      product: event.product,
      agent: event.agent,
      session: event.session,
      calls: event.model_calls,
      unmetered: event.unmetered_calls,
      toolCalls: event.tool_calls,
      reasoningSteps: event.reasoning_steps,
      usage: event.usage,
      stack: event.stack,
      models: event.models,
      tools: event.tools,
      cogs: event.cogs,
      anomalies: event.anomalies,
    }))
    .sort((a, b) => a.trace.localeCompare(b.trace))
}

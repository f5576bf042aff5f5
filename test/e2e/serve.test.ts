import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { api, sendGrpc, sendJson, sendProtobuf, type TraceLiteral, traceOf, until } from './client.ts'
import { type AforoProcess, runAforo, runCommand } from './process.ts'

interface Event {
  readonly status: string
  readonly revision: number
  readonly price: string
  readonly cogs: string
  readonly customer: string
}

const PLAN = {
  currency: 'USD',
  meters: [
    { meter: 'input_tokens', model: 'per_unit', unit_price: '4', per: '1000000' },
    { meter: 'output_tokens', model: 'per_unit', unit_price: '20', per: '1000000' },
  ],
}

async function sell(port: number): Promise<void> {
  await api(port, 'PUT', '/v1/plans/pro', PLAN)
  await api(port, 'PUT', '/v1/customers/acme', { name: 'Acme' })
  await api(port, 'PUT', '/v1/customers/acme/subscription', { plan: 'pro', from: '2026-01-01T00:00:00Z' })
}

async function eventOf(port: number, trace: TraceLiteral): Promise<Event> {
  return until(async () => {
    const { data } = (await api(port, 'GET', `/v1/events?trace_id=${trace.traceId}`)) as { data: Event[] }
    return data[0] && data[0].status !== 'pending' ? data[0] : null
  })
}

describe('one process over a database that others share', () => {
  let database: TestDatabase
  let aforo: AforoProcess

  beforeAll(async () => {
    database = await testDatabase()
    aforo = await runAforo('serve', { DATABASE_URL: database.url })
    await sell(aforo.ports.api!)
  })
  afterAll(async () => {
    await aforo.end('SIGTERM')
    await database.drop()
  })

  it('keeps connections of the API open longer than load balancers do', async () => {
    const { headers } = await fetch(`http://127.0.0.1:${aforo.ports.api}/livez`)
    expect(Number(/timeout=(\d+)/.exec(headers.get('keep-alive') ?? '')?.[1])).toBeGreaterThanOrEqual(65)
  })

  const ways: [string, (trace: TraceLiteral) => Promise<unknown>][] = [
    ['protobuf', (trace) => sendProtobuf(aforo.ports.otlp_http!, trace)],
    ['protobuf, gzip', (trace) => sendProtobuf(aforo.ports.otlp_http!, trace, true)],
    ['JSON', (trace) => sendJson(aforo.ports.otlp_http!, trace)],
    ['JSON, gzip', (trace) => sendJson(aforo.ports.otlp_http!, trace, true)],
    ['gRPC', (trace) => sendGrpc(aforo.ports.otlp_grpc!, trace)],
    ['gRPC, gzip', (trace) => sendGrpc(aforo.ports.otlp_grpc!, trace, true)],
  ]
  for (const [name, send] of ways) {
    it(`bills a trace that comes as ${name}, and again nothing when it comes again`, async () => {
      const trace = traceOf()
      await send(trace)
      const event = await eventOf(aforo.ports.api!, trace)
      expect(event).toMatchObject({
        status: 'rated',
        customer: 'acme',
        cogs: '0.0045',
        price: '0.006',
        revision: 0,
      })
      await send(trace)
      await send(trace)
      const later = traceOf()
      await send(later)
      await eventOf(aforo.ports.api!, later)
      expect(await eventOf(aforo.ports.api!, trace)).toMatchObject({ price: '0.006', revision: 0 })
    })
  }

  it('lists what it cannot price or attribute, and bills the rest', async () => {
    const unpriced = traceOf({ model: 'model-of-tomorrow' })
    const stranger = traceOf({ customer: 'nobody-knows' })
    await sendJson(aforo.ports.otlp_http!, unpriced)
    await sendJson(aforo.ports.otlp_http!, stranger)
    expect(await eventOf(aforo.ports.api!, unpriced)).toMatchObject({
      status: 'unpriced',
      cogs: null,
      price: '0.006',
    })
    expect(await eventOf(aforo.ports.api!, stranger)).toMatchObject({ status: 'unattributed', price: null })
    const { data } = (await api(aforo.ports.api!, 'GET', '/v1/exceptions')) as { data: { kind: string }[] }
    expect(new Set(data.map((row) => row.kind))).toEqual(new Set(['unpriced', 'unattributed']))
  })

  it('completes exactly those events when the price arrives', async () => {
    const trace = traceOf({ model: 'model-of-next-week' })
    await sendJson(aforo.ports.otlp_http!, trace)
    expect(await eventOf(aforo.ports.api!, trace)).toMatchObject({ status: 'unpriced' })
    for (const [meter, price] of [
      ['input_uncached', '1'],
      ['output', '2'],
    ]) {
      await api(aforo.ports.api!, 'PUT', `/v1/prices/overrides/next-week-${meter}`, {
        provider: 'anthropic',
        model: 'model-of-next-week',
        meter,
        unit_price: price,
        per: '1000000',
        effective_from: '2026-01-01T00:00:00Z',
      })
    }
    const event = await until(async () => {
      const found = await eventOf(aforo.ports.api!, trace)
      return found.status === 'rated' ? found : null
    })
    expect(event).toMatchObject({ cogs: '0.0012', price: '0.006' })
  })
})

it('shares the work between processes of one role each', async () => {
  const database = await testDatabase()
  const settings = { DATABASE_URL: database.url }
  const receivers = [await runAforo('receiver', settings), await runAforo('receiver', settings)]
  const raters = [await runAforo('rater', settings), await runAforo('rater', settings)]
  const reader = await runAforo('api', settings)
  try {
    await sell(reader.ports.api!)
    const traces = Array.from({ length: 20 }, () => traceOf())
    await Promise.all(traces.map((trace, i) => sendProtobuf(receivers[i % 2]!.ports.otlp_http!, trace)))
    for (const trace of traces) {
      expect(await eventOf(reader.ports.api!, trace)).toMatchObject({ status: 'rated', price: '0.006' })
    }
  } finally {
    for (const aforo of [...receivers, ...raters, reader]) expect((await aforo.end('SIGTERM')).code).toBe(0)
    await database.drop()
  }
})

it('loses nothing it acknowledged when it is killed, and starts again over the orphaned database', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aforo-e2e-'))
  // PostgreSQL refuses to run as root; the user it runs as must get through here.
  chmodSync(folder, 0o711)
  const settings = { AFORO_DATA_DIR: folder, DATABASE_URL: '', AFORO_TIMESCALE: 'auto' }
  try {
    const first = await runAforo('serve', settings)
    await sell(first.ports.api!)
    const acknowledged: TraceLiteral[] = []
    const sending = (async () => {
      for (;;) {
        const trace = traceOf()
        const response = await sendJson(first.ports.otlp_http!, trace).catch(() => null)
        if (!response?.ok) return
        acknowledged.push(trace)
      }
    })()
    await until(async () => acknowledged.length >= 50)
    await first.end('SIGKILL')
    await sending

    const second = await runAforo('serve', settings)
    for (const trace of acknowledged) {
      expect(await eventOf(second.ports.api!, trace)).toMatchObject({ status: 'rated', price: '0.006' })
    }
    expect(await second.end('SIGINT')).toEqual({ code: 0, signal: null })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

it('refuses a wrong setting with one line each, and an open door', async () => {
  await expect(runAforo('serve', { AFORO_API_ADDR: 'nowhere', AFORO_CUT_IDLE_MS: 'soon' })).rejects.toThrow(
    /AFORO_API_ADDR[\s\S]*AFORO_CUT_IDLE_MS/,
  )
  const database = await testDatabase()
  try {
    const settings = { DATABASE_URL: database.url, AFORO_API_ADDR: '0.0.0.0:0' }
    await expect(runAforo('serve', settings)).rejects.toThrow(/without any key/)
  } finally {
    await database.drop()
  }
})

it('makes keys beside a running Aforo, and then asks for them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aforo-e2e-'))
  chmodSync(folder, 0o711)
  const settings = { AFORO_DATA_DIR: folder, DATABASE_URL: '', AFORO_TIMESCALE: 'auto' }
  const aforo = await runAforo('serve', settings)
  try {
    const made = await runCommand(['keys', 'create', '--role', 'ingest'], settings)
    const { key } = JSON.parse(made) as { key: string }
    const send = (authorization?: string) =>
      sendJson(aforo.ports.otlp_http!, traceOf(), false, authorization ? { authorization } : {})
    await until(async () => (await send()).status === 401)
    expect((await send(`Bearer ${key}`)).status).toBe(200)
    const answer = await fetch(`http://127.0.0.1:${aforo.ports.api}/v1/events`, {
      headers: { authorization: `Bearer ${key}` },
    })
    expect(answer.status).toBe(403)
  } finally {
    await aforo.end('SIGTERM')
    rmSync(folder, { recursive: true, force: true })
  }
})

import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createApi } from '../../api/server.ts'
import { invoicing } from '../../cmd/invoicing.ts'
import { SILENT } from '../../core/log.ts'
import { periodOf } from '../../rating/period.ts'
import { parsePlan } from '../../rating/plans/plan.ts'
import { quote } from '../../rating/plans/quote.ts'
import { createPriceUpdates } from '../../rating/prices/updates/price-updates.ts'
import { simulate } from '../../rating/simulation/simulate.ts'
import { createAccess } from '../../schema/access.ts'
import { createKey } from '../../schema/keys.ts'
import { openPool } from '../../schema/pool.ts'
import { seed } from './seed.ts'
import { type RunningApi, startApi, trace } from './start.ts'
import { workedExample } from './worked-example.ts'

let api: RunningApi

beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api.stop())

test('tells of its health, readiness and metrics', async () => {
  expect((await api.get('/healthz')).body).toEqual({ status: 'ok' })
  expect((await api.get('/livez')).body).toEqual({ status: 'ok' })
  expect((await api.get('/readyz')).body).toEqual({ status: 'ready' })
  await api.get('/v1/customers/nobody')
  const { type, body } = await api.get('/metrics')
  expect(type).toMatch(/^text\/plain/)
  expect(body).toContain(
    'aforo_api_requests_total{method="GET",route="/v1/customers/:customer_id",status="404"} 1',
  )
})

describe('the OpenAPI document', () => {
  test('tells of every endpoint, with schemas that compile', async () => {
    const { body } = await api.get('/openapi.json')
    expect(body.openapi).toBe('3.1.0')
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining(['/v1/events', '/v1/events/{event_id}', '/v1/prices/overrides/{override_id}']),
    )
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    for (const [path, operations] of Object.entries<Record<string, Operation>>(body.paths)) {
      for (const operation of Object.values(operations)) {
        const named = operation.parameters
          .filter((parameter) => parameter.in === 'path')
          .map(({ name }) => name)
        expect(named).toEqual([...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]))
        for (const { schema } of operation.parameters) ajv.compile(schema)
        for (const answer of Object.values(operation.responses)) {
          const schema = answer.content['application/json']?.schema
          if (schema) ajv.compile(schema)
        }
      }
    }
  })

  test('describes the answers that are given', async () => {
    await seed(api.database.pool, workedExample({ traceId: trace(1) }))
    const { body } = await api.get('/openapi.json')
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    const asked = {
      '/v1/events': '/v1/events',
      '/v1/events/{event_id}': `/v1/events/evt_${trace(1)}`,
      '/v1/traces/{trace_id}': `/v1/traces/${trace(1)}`,
      '/v1/margins': '/v1/margins?group_by=model',
    }
    for (const [path, request] of Object.entries(asked)) {
      const validate = ajv.compile(body.paths[path].get.responses['200'].content['application/json'].schema)
      validate((await api.get(request)).body)
      expect(validate.errors, path).toBeNull()
    }
  })
})

interface Operation {
  readonly parameters: readonly { in: string; name: string; schema: object }[]
  readonly responses: Record<string, { content: Record<string, { schema: object }> }>
}

test('once there is a key, nobody gets in without one; reading is not writing', async () => {
  const own = await startApi()
  try {
    const admin = await createKey(own.database.pool, { tenantId: 'acme', role: 'admin' })
    const read = await createKey(own.database.pool, { tenantId: 'acme', role: 'read' })
    const ingest = await createKey(own.database.pool, { tenantId: 'acme', role: 'ingest' })
    const as = (secret: string) => ({ authorization: `Bearer ${secret}` })
    const refused = await own.get('/v1/events')
    expect(refused).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
    expect(refused.headers.get('www-authenticate')).toBe('Bearer')
    expect((await own.put('/v1/customers/a', {}, as(admin.secret))).status).toBe(201)
    expect((await own.get('/v1/customers/a', as(read.secret))).status).toBe(200)
    expect((await own.put('/v1/customers/b', {}, as(read.secret))).status).toBe(403)
    expect((await own.get('/v1/events', as(ingest.secret))).status).toBe(403)
    const elsewhere = { ...as(admin.secret), 'x-aforo-tenant': 'default' }
    expect((await own.get('/v1/events', elsewhere)).status).toBe(403)
    expect((await own.get('/metrics')).status).toBe(401)
    for (const path of ['/healthz', '/readyz', '/openapi.json'])
      expect((await own.get(path)).status, path).toBe(200)
  } finally {
    await own.stop()
  }
})

test('a database that goes away makes requests retryable, and comes back', async () => {
  const cable = await pullableCable(new URL(api.database.url))
  const url = new URL(api.database.url)
  url.host = `127.0.0.1:${cable.port}`
  const pool = openPool(url.href, { max: 2 })
  const app = createApi({
    pool,
    access: createAccess(pool, { open: true }),
    log: SILENT,
    registry: new Registry(),
    pricing: { parsePlan, quote, periodOf },
    simulate: (order, signal) => simulate(pool, order, signal),
    prices: createPriceUpdates({ source: '', against: '' }),
    invoicing,
    now: () => new Date(),
    version: '0',
  })
  const server = await new Promise<Server>((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening))
  })
  const get = (path: string) => fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`)
  try {
    expect((await get('/v1/events')).status).toBe(200)
    cable.pull()
    for (const path of ['/v1/events', '/readyz']) {
      const answer = await get(path)
      expect([answer.status, answer.headers.get('retry-after')], path).toEqual([503, '1'])
      expect(await answer.json()).toMatchObject({ code: 'unavailable' })
    }
    expect((await get('/healthz')).status, 'the process itself is well').toBe(200)
    cable.plug()
    await expect.poll(async () => (await get('/v1/events')).status).toBe(200)
  } finally {
    server.close()
    await pool.end()
    cable.close()
  }
})

/** A port in front of the database that can be taken away together with all connections through it. */
async function pullableCable(database: URL) {
  const sockets = new Set<{ destroy(): void }>()
  // A port that is given back may be somebody else's at once: while the cable is pulled it is kept, and nobody served.
  let isPulled = false
  const server = await new Promise<Server>((resolve) => {
    const listening = createServer((near) => {
      near.on('error', () => {})
      if (isPulled) return void near.destroy()
      const far = connect(Number(database.port), database.hostname)
      for (const socket of [near, far]) sockets.add(socket.on('error', () => {}))
      near.pipe(far).on('close', () => near.destroy())
      far.pipe(near).on('close', () => far.destroy())
    })
    listening.listen(0, '127.0.0.1', () => resolve(listening))
  })
  const pull = () => {
    isPulled = true
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  return {
    port: (server.address() as AddressInfo).port,
    pull,
    plug() {
      isPulled = false
    },
    close() {
      pull()
      server.close()
    },
  }
}

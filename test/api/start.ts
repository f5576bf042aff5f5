import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Registry } from 'prom-client'
import { createApi } from '../../api/server.ts'
import { invoicing } from '../../cmd/invoicing.ts'
import { SILENT } from '../../core/log.ts'
import { periodOf } from '../../rating/period.ts'
import { parsePlan } from '../../rating/plans/plan.ts'
import { quote } from '../../rating/plans/quote.ts'
import { createPriceUpdates } from '../../rating/prices/updates/price-updates.ts'
import { simulate } from '../../rating/simulation/simulate.ts'
import { createAccess } from '../../schema/access.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'

/** An answer as a test looks at it. `body` is parsed where it is JSON. */
export interface Answered {
  readonly status: number
  readonly type: string
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: bodies are whatever the API answers, and tests look into them.
  readonly body: any
}

export interface RunningApi {
  readonly database: TestDatabase
  readonly url: string
  /** What the API takes for now. */
  clock: Date
  get(path: string, headers?: Record<string, string>): Promise<Answered>
  put(path: string, body: unknown, headers?: Record<string, string>): Promise<Answered>
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answered>
  send(path: string, init: RequestInit): Promise<Answered>
  stop(): Promise<void>
}

/** The API on a free port over a database of its own. Open, as on loopback, until a key is made. */
export async function startApi(sources = { source: '', against: '' }): Promise<RunningApi> {
  const database = await testDatabase()
  const running = { clock: new Date('2026-03-02T12:00:00.000Z') }
  const app = createApi({
    pool: database.pool,
    access: createAccess(database.pool, { open: true, now: () => running.clock }),
    log: SILENT,
    registry: new Registry(),
    pricing: { parsePlan, quote, periodOf },
    simulate: (order, signal) => simulate(database.pool, order, signal),
    prices: createPriceUpdates(sources),
    invoicing,
    now: () => running.clock,
    version: '0.0.0-test',
  })
  const server = await new Promise<Server>((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening))
    // On a loaded machine a test may be quiet for longer than a connection is kept.
    listening.keepAliveTimeout = 0
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const send = async (path: string, init: RequestInit): Promise<Answered> => {
    const response = await fetch(url + path, init)
    const type = response.headers.get('content-type') ?? ''
    const body = type.includes('json') ? await response.json() : await response.text()
    return { status: response.status, type, headers: response.headers, body }
  }
  const write = (method: string) => (path: string, body: unknown, headers?: Record<string, string>) =>
    send(path, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  return Object.assign(running, {
    database,
    url,
    get: (path: string, headers: Record<string, string> = {}) => send(path, { headers }),
    put: write('PUT'),
    post: write('POST'),
    send,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await database.drop()
    },
  })
}

/** A trace id that ends in the number. */
export function trace(no: number): string {
  return no.toString(16).padStart(32, '0')
}

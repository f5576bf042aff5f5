import type pg from 'pg'
import { Registry } from 'prom-client'
import type { Budget } from '../../core/budget.ts'
import { SILENT } from '../../core/log.ts'
import type { Plan } from '../../core/plan.ts'
import { periodOf } from '../../rating/period.ts'
import { seedPriceBook } from '../../rating/prices/seed.ts'
import { createRateCards } from '../../rating/rate-cards.ts'
import { createAccess } from '../../schema/access.ts'
import { defineBudget } from '../../schema/budgets/define.ts'
import { transaction } from '../../schema/pool.ts'
import type { Centre } from '../../sidecar/centre/centre.ts'
import { createDatabaseCentre } from '../../sidecar/centre/database-centre.ts'
import { createHttpCentre } from '../../sidecar/centre/http-centre.ts'
import { type RunningCheck, startCheck } from '../../sidecar/check.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'

/** An answer as a test looks at it. */
export interface Answered {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: bodies are whatever is answered, and tests look into them.
  readonly body: any
}

export interface CheckWorld {
  readonly database: TestDatabase
  readonly url: string
  readonly running: RunningCheck
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answered>
  check(body: unknown, headers?: Record<string, string>): Promise<Answered>
  stop(): Promise<void>
}

export const PLAN: Plan = {
  currency: 'USD',
  credit_rate: '0.01',
  meters: [
    { meter: 'input_tokens', model: 'per_unit', unit_price: '3', per: '1000000' },
    { meter: 'output_tokens', model: 'per_unit', unit_price: '15', per: '1000000' },
  ],
}

/** A check server over a database of its own with customer `acme` on a plan. */
export async function startWorld(): Promise<CheckWorld> {
  const database = await testDatabase()
  await seedPriceBook(database.pool, new Date())
  await addCustomer(database.pool, 'default', 'acme')
  const running = await startCheckOver(database.pool)
  const url = `http://127.0.0.1:${running.port}`
  return {
    database,
    url,
    running,
    post: (path, body, headers) => post(url, path, body, headers),
    check: (body, headers) => post(url, '/v1/check', body, headers),
    async stop() {
      await running.stop()
      await database.drop()
    },
  }
}

export function centreOver(pool: pg.Pool): Centre {
  return createDatabaseCentre({
    pool,
    access: createAccess(pool, { open: true }),
    periodOf,
    rates: createRateCards(),
    log: SILENT,
    now: () => new Date(),
  })
}

/** One more check server over the same database. */
export function startCheckOver(
  pool: pg.Pool,
  port = 0,
  unixPath?: string,
  centre: Centre = centreOver(pool),
): Promise<RunningCheck> {
  const address = { host: '127.0.0.1', port }
  const isReady = async () => true
  return startCheck({
    centre,
    address,
    grpcAddress: { ...address, port: 0 },
    unixPath,
    registry: new Registry(),
    log: SILENT,
    isReady,
  })
}

/** A sidecar without a database, of a check server that has one. */
export function startSidecar(upstream: string, key: string | null = null): Promise<RunningCheck> {
  const centre = createHttpCentre({ upstream, key, lendsKey: true, log: SILENT })
  const address = { host: '127.0.0.1', port: 0 }
  const isReady = async () => true
  return startCheck({ centre, address, grpcAddress: address, registry: new Registry(), log: SILENT, isReady })
}

export async function post(
  url: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answered> {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body ?? {}),
  })
  return { status: response.status, body: await response.json() }
}

export async function addCustomer(pool: pg.Pool, tenantId: string, customer: string): Promise<void> {
  await pool.query(
    `insert into aforo_store.customers (tenant_id, customer_id, name, recorded_at) values ($1, $2, $2, now())`,
    [tenantId, customer],
  )
  await pool.query(
    `insert into aforo_store.plan_versions (tenant_id, plan_id, version, body, content_hash, effective_from, recorded_at)
     values ($1, 'pro', 1, $2, 'none', '2020-01-01Z', now()) on conflict do nothing`,
    [tenantId, JSON.stringify(PLAN)],
  )
  await pool.query(
    `insert into aforo_store.subscriptions
       (tenant_id, customer_id, plan_id, effective_from, timezone, anchor_day, recorded_at)
     values ($1, $2, 'pro', '2020-01-01Z', 'UTC', 1, now())`,
    [tenantId, customer],
  )
}

export async function putBudget(
  pool: pg.Pool,
  budgetId: string,
  budget: Partial<Budget>,
  tenantId = 'default',
): Promise<void> {
  const whole: Budget = { scope: {}, unit: 'price', limit: '1', window: 'lifetime', mode: 'hard', ...budget }
  await transaction(pool, (client) => defineBudget(client, tenantId, budgetId, whole, new Date()))
}

/** Adds to what is used of a budget's counter, as a rating or a projection does. */
export async function use(
  pool: pg.Pool,
  budgetId: string,
  subject: readonly string[],
  amount: string,
): Promise<void> {
  await pool.query(
    `insert into aforo_store.budget_counters as counter
       (tenant_id, budget_id, counting_version, subject, window_start, used)
     values ('default', $1, 1, $2, '-infinity', $3)
     on conflict (tenant_id, budget_id, counting_version, subject, window_start)
     do update set used = counter.used + excluded.used, changed_tx = pg_current_xact_id()`,
    [budgetId, JSON.stringify(subject), amount],
  )
}

/** What of all counters is given out, what leases have of it, and what holds hold. */
export async function givenOut(pool: pg.Pool): Promise<{ leased: string; leases: string; held: string }> {
  const { rows } = await pool.query(
    `select trim_scale(coalesce((select sum(leased) from aforo_store.budget_counters), 0))::text as leased,
       trim_scale(coalesce((select sum(amount) from aforo_store.budget_leases), 0))::text as leases,
       trim_scale(coalesce((select sum(held) from aforo_store.budget_hold_takes), 0))::text as held`,
  )
  return rows[0]
}

/** Waits until something is so; fails after a few seconds. */
export async function until(what: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5_000
  while (!(await what())) {
    if (performance.now() > deadline) throw new Error('it did not come to be in time')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

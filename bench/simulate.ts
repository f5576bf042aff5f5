import type pg from 'pg'
import { createSimulator } from '../cmd/simulate/simulator.ts'
import type { SimulationOrder } from '../core/simulation.ts'
import { parsePlan } from '../rating/plans/plan.ts'
import { seedPriceBook } from '../rating/prices/seed.ts'
import { createRater } from '../rating/rater.ts'
import { openPool } from '../schema/pool.ts'
import { benchDatabase } from './database.ts'
import { median } from './median.ts'
import { cpuMsOfTree } from './processes.ts'
import { storeCustomers, storeEvents } from './rate-events.ts'

/*
 * Real events under another plan, and with other models at two token ratios: events a second from the order to the
 * answer, as `aforo simulate` and POST /v1/simulations run it, database included.
 */
const ROUNDS = 3
const EVENTS = Number(process.env.BENCH_EVENTS ?? 40_000)
const CUSTOMERS = 1_000
const BATCH = 4_000

await using server = await benchDatabase()
const pool = openPool(server.url, { max: 4 })
await fill(pool)
await pool.end()
await run()

async function fill(pool: pg.Pool): Promise<void> {
  await seedPriceBook(pool, new Date())
  await storeCustomers(pool, CUSTOMERS)
  const rater = createRater({ pool })
  for (let from = 0; from < EVENTS; from += BATCH) {
    await storeEvents(pool, { from, count: BATCH, customers: CUSTOMERS })
    await rater.rate(new Date(), BATCH)
  }
  await pool.query('vacuum analyze')
}

async function run(): Promise<void> {
  const simulate = createSimulator(server.url)
  const order: SimulationOrder = {
    tenantId: 'default',
    from: '2026-11-01T00:00:00.000Z',
    to: '2026-12-01T00:00:00.000Z',
    now: new Date().toISOString(),
    plan: null,
    customers: null,
    switches: [],
    tokenRatios: ['1'],
    markupPct: null,
    eventsMax: null,
  }
  const tiers = [
    { up_to: '100000', unit_price: '3', per: '1000000' },
    { up_to: null, unit_price: '2', per: '1000000' },
  ]
  const other = parsePlan({
    currency: 'USD',
    meters: [
      { meter: 'input_tokens', model: 'graduated', tiers },
      { meter: 'cogs', model: 'cost_plus', markup_pct: '40' },
    ],
  })
  const toOther = { pattern: 'gpt-5*', provider: 'anthropic', model: 'claude-sonnet-4-5-20250929' }
  const worlds: readonly (readonly [string, Partial<SimulationOrder>])[] = [
    ['the plans they are on', {}],
    ['another plan', { plan: { body: other } }],
    ['another model', { switches: [toOther] }],
    ['another model, low and high', { switches: [toOther], tokenRatios: ['0.9', '1.2'] }],
  ]
  console.log(
    `simulate · ${EVENTS} events of 4 calls and 2 tools, ${CUSTOMERS} customers · Node ${process.versions.node} · ` +
      `median of ${ROUNDS} rounds`,
  )
  console.log('                                 node us  database us  wall us  events/s')
  for (const [name, of] of worlds) {
    const costs: { node: number; database: number; wall: number }[] = []
    for (let round = 0; round <= ROUNDS; round++) {
      const own = process.cpuUsage()
      const database = cpuMsOfTree(server.pid) ?? Number.NaN
      const started = performance.now()
      const { events, booked, totals } = await simulate({ ...order, ...of }, new AbortController().signal)
      const wall = performance.now() - started
      const { user, system } = process.cpuUsage(own)
      const databaseMs = (cpuMsOfTree(server.pid) ?? Number.NaN) - database
      const isExact = booked.charges_difference === '0' && booked.cogs_difference === '0'
      if (events !== EVENTS || !isExact || totals.before.revenue === '0')
        throw new Error(JSON.stringify({ events, booked, totals }))
      if (round > 0)
        costs.push({
          node: (user + system) / EVENTS,
          database: (databaseMs * 1000) / EVENTS,
          wall: (wall * 1000) / EVENTS,
        })
    }
    const middle = (field: 'node' | 'database' | 'wall') => median(costs.map((cost) => cost[field]))
    console.log(
      `  ${name.padEnd(30)}${middle('node').toFixed(0).padStart(8)}${middle('database').toFixed(0).padStart(13)}` +
        `${middle('wall').toFixed(0).padStart(9)}${String(Math.round(1e6 / middle('wall'))).padStart(10)}`,
    )
  }
}

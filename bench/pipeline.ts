import type pg from 'pg'
import { Registry } from 'prom-client'
import { SILENT } from '../core/log.ts'
import { parsePlan } from '../rating/plans/plan.ts'
import { seedPriceBook } from '../rating/prices/seed.ts'
import { createRater, type Rater } from '../rating/rater.ts'
import { assemble } from '../receiver/assemble/assemble.ts'
import { type Cutter, createCutter } from '../receiver/cut/cutter.ts'
import { CUT_DEFAULTS } from '../receiver/cut/settings.ts'
import { createReceiverMetrics } from '../receiver/metrics.ts'
import { type Receiver, startReceiver } from '../receiver/receiver.ts'
import type { Embedded } from '../schema/embedded/launcher.ts'
import { openPool } from '../schema/pool.ts'
import { agentTraces, SPANS_PER_AGENT_TRACE } from './agent-traces.ts'
import { benchDatabase } from './database.ts'
import { sendAll } from './load.ts'
import { cpuMsOfTree } from './processes.ts'

/**
 * From the socket to the rated event, on the embedded database, everything durable (fsync on). First the stages one
 * after the other, so that each one's CPU can be told; then all at once, for the rate that lasts.
 */
const TRACES_PER_BATCH = 85
const BATCHES = Number(process.env.BENCH_BATCHES ?? 120)
const CUSTOMERS = 200
const SENDERS = 4
const CUT = { ...CUT_DEFAULTS, quietMs: 0, idleMs: 0 }
const TENANT = 'default'

await using database = await benchDatabase()
const pool = openPool(database.url, { max: 16 })
await run(pool, database)
await pool.end()

async function run(pool: pg.Pool, server: Embedded): Promise<void> {
  await sell(pool)
  const metrics = createReceiverMetrics(new Registry())
  const receiver = await startReceiver({
    pool,
    access: { authorise: async () => TENANT },
    log: SILENT,
    metrics,
    httpAddr: { host: '127.0.0.1', port: 0 },
    grpcAddr: { host: '127.0.0.1', port: 0 },
    bodyBytesMax: 67_108_864,
    cut: CUT,
  })
  const cutter = createCutter({ pool, settings: CUT, log: SILENT, assemble, metrics })
  const rater = createRater({ pool })
  const spans = BATCHES * TRACES_PER_BATCH * SPANS_PER_AGENT_TRACE
  print(
    `${BATCHES} batches of ${TRACES_PER_BATCH} traces of ${SPANS_PER_AGENT_TRACE} GenAI spans: ${spans} spans`,
  )

  await stages(receiver, cutter, rater, server, 20, 1, null)
  print('\nstage by stage      CPU us per span: node  database     wall us per span')
  await stages(receiver, cutter, rater, server, BATCHES, 1_000, spans)
  await together(receiver, cutter, rater, spans)
  await receiver.stop()
  const { rows } = await pool.query(
    `select count(*)::text as events, count(*) filter (where status = 'rated')::text as rated from aforo_store.ratings`,
  )
  print(`ratings written: ${rows[0].events}, of them with cost and price: ${rows[0].rated}`)
}

async function stages(
  receiver: Receiver,
  cutter: Cutter,
  rater: Rater,
  server: Embedded,
  batches: number,
  seed: number,
  spans: number | null,
): Promise<void> {
  const bodies = makeBodies(batches, seed)
  let node = 0
  let backend = 0
  for (const [name, work] of [
    ['receive + journal', () => post(receiver.httpPort, bodies)],
    ['assemble + cut', () => untilZero(() => cutter.cut(new Date()))],
    ['cost + rate', () => untilZero(() => rater.rate(new Date()))],
  ] as const) {
    const before = { node: process.cpuUsage(), backend: cpuMsOfTree(server.pid), at: performance.now() }
    await work()
    const used = process.cpuUsage(before.node)
    const nodeUs = used.user + used.system
    const backendUs = ((cpuMsOfTree(server.pid) ?? Number.NaN) - (before.backend ?? Number.NaN)) * 1000
    const wallUs = (performance.now() - before.at) * 1000
    node += nodeUs
    backend += backendUs
    if (spans) print(row(name, nodeUs / spans, backendUs / spans, wallUs / spans))
  }
  if (spans) print(row('all', node / spans, backend / spans, null))
}

async function together(receiver: Receiver, cutter: Cutter, rater: Rater, spans: number): Promise<void> {
  const bodies = makeBodies(BATCHES, 5_000)
  const from = performance.now()
  let sending = true
  const sender = post(receiver.httpPort, bodies).then(() => {
    sending = false
  })
  // Beside each other, as the roles run them; the rating ends when it has rated what the last cut left.
  let cutting = true
  const cut = async () => {
    for (let idle = false; sending || !idle; ) idle = await turn(() => cutter.cut(new Date()))
    cutting = false
  }
  const rate = async () => {
    for (let idle = false; cutting || !idle; ) idle = await turn(() => rater.rate(new Date()))
  }
  await Promise.all([sender, cut(), rate()])
  const seconds = (performance.now() - from) / 1000
  print(
    `\nall at once: ${spans} spans in ${seconds.toFixed(2)} s = ${Math.round(spans / seconds)} GenAI spans/s to rated event`,
  )
  print('(the sender shares the two cores and, here, the process)')
}

/** @returns whether there was nothing to do */
async function turn(work: () => Promise<number>): Promise<boolean> {
  const idle = (await work()) === 0
  if (idle) await new Promise((resolve) => setTimeout(resolve, 5))
  return idle
}

function makeBodies(batches: number, seed: number): Uint8Array[] {
  return Array.from({ length: batches }, (_, i) =>
    agentTraces({ traces: TRACES_PER_BATCH, seed: seed + i, customers: CUSTOMERS, endMs: Date.now() }),
  )
}

/** Over several connections, each sending the next body when the last was acknowledged. */
function post(port: number, bodies: readonly Uint8Array[]): Promise<void> {
  let next = 0
  return sendAll(port, SENDERS, () => bodies[next++] ?? null)
}

async function untilZero(turn: () => Promise<number>): Promise<void> {
  while ((await turn()) > 0) {
    // Each turn is one bounded transaction.
  }
}

/** A plan and its customers, so that every event finds a price. */
async function sell(pool: pg.Pool): Promise<void> {
  const since = new Date(Date.UTC(2025, 0, 1))
  const plan = parsePlan({
    currency: 'USD',
    meters: [
      { meter: 'input_tokens', model: 'per_unit', unit_price: '3', per: '1000000' },
      { meter: 'output_tokens', model: 'per_unit', unit_price: '15', per: '1000000' },
      { meter: 'reasoning_steps', model: 'per_unit', unit_price: '0.006' },
      { meter: 'tool_calls', model: 'per_unit', unit_price: '0.002' },
    ],
  })
  await seedPriceBook(pool, since)
  await pool.query(
    `insert into aforo_store.plan_versions (tenant_id, plan_id, version, body, content_hash, effective_from, recorded_at)
     values ($1, 'pro', 1, $2, 'pro', $3, $3)`,
    [TENANT, JSON.stringify(plan), since],
  )
  const ids = Array.from({ length: CUSTOMERS }, (_, i) => `customer_${i}`)
  await pool.query(
    `insert into aforo_store.customers (tenant_id, customer_id, recorded_at) select $1, unnest($2::text[]), $3`,
    [TENANT, ids, since],
  )
  await pool.query(
    `insert into aforo_store.subscriptions (tenant_id, customer_id, plan_id, effective_from, timezone, anchor_day, recorded_at)
     select $1, unnest($2::text[]), 'pro', $3, 'UTC', 1, $3`,
    [TENANT, ids, since],
  )
}

function row(name: string, node: number, backend: number, wall: number | null): string {
  const cell = (value: number | null, width: number) =>
    (value === null ? '' : value.toFixed(1)).padStart(width)
  return `${name.padEnd(20)}${cell(node, 22)}${cell(backend, 10)}${cell(wall, 21)}`
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

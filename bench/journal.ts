import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { Registry } from 'prom-client'
import type { Usage } from '../core/usage.ts'
import { assemble } from '../receiver/assemble/assemble.ts'
import { COLUMN_NAMES } from '../receiver/journal/columns.ts'
import { createJournal, type Journal } from '../receiver/journal/journal.ts'
import { encodeRows } from '../receiver/journal/rows.ts'
import { createReceiverMetrics } from '../receiver/metrics.ts'
import type { DecodedSpans } from '../receiver/otlp/accept.ts'
import { READING } from '../receiver/receiver.ts'
import { openPool } from '../schema/pool.ts'
import { genAiBatch } from './batches.ts'
import { benchDatabase } from './database.ts'
import { median, ratio } from './median.ts'
import { cpuMsOfTree } from './processes.ts'

/*
 * What it costs that rows are unique and their traces told: appends to the usage journal against a bare COPY of the
 * same rows, in groups of the same size, into a table without any index. Both are durable (fsync on), both encode
 * the rows themselves, and they take turns within each round. And what it costs beside to make usages of decoded spans
 * and calls of usages, against decoding the spans and journalling them.
 */
const ROUNDS = 7
const BATCHES = 64
const SPANS_PER_BATCH = 512
const APPENDS_AT_ONCE = 16
const COPY_ROWS = 8_192
const TENANT = 'default'
const NOW = 1_790_000_000_000_000_000n

interface Cost {
  readonly node: number
  readonly database: number
  readonly wall: number
}

await using server = await benchDatabase()
const pool = openPool(server.url, { max: 8 })
await run(pool)
await pool.end()

async function run(pool: pg.Pool): Promise<void> {
  await pool.query('create table bare_copy (like aforo_store.usage_journal)')
  const { rows } = await pool.query('show server_version')
  const journal = createJournal({ pool, metrics: createReceiverMetrics(new Registry()) })
  const appended: Cost[] = []
  const copied: Cost[] = []
  const decoded: number[] = []
  const thought: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const bodies = freshBodies(round)
    const spans = BATCHES * SPANS_PER_BATCH
    const decoding = cpuOf(spans, () => bodies.map((body) => READING.decode.protobuf(body)))
    const normalising = cpuOf(spans, () => decoding.made.map(usagesOf))
    const batches = normalising.made
    const traces = [...Map.groupBy(batches.flat(), ({ traceId }) => traceId).values()]
    const assembling = cpuOf(spans, () => {
      for (const trace of traces) assemble(trace, { now: NOW })
    })
    const append = await measure(batches, () => appendAll(journal, batches))
    const copy = await measure(batches, () => copyAll(pool, batches))
    if (round === 0) continue
    decoded.push(decoding.micros)
    thought.push(normalising.micros + assembling.micros)
    appended.push(append)
    copied.push(copy)
  }
  await verify(pool)
  const spans = BATCHES * SPANS_PER_BATCH
  console.log(
    `journal · ${spans} spans a round · PostgreSQL ${rows[0].server_version} · Node ${process.versions.node} · ` +
      `per row, median of ${ROUNDS} rounds`,
  )
  console.log('                                  node us  database us  wall us')
  print('journal: durable, unique, traces', appended)
  print('bare COPY, no index', copied)
  const total = (cost: Cost) => cost.node + cost.database
  const cpu = ratio(appended.map(total), copied.map(total))
  const wall = ratio(
    appended.map((cost) => cost.wall),
    copied.map((cost) => cost.wall),
  )
  console.log(`  journal against COPY: CPU ${cpu.toFixed(2)}× (goal ≤ 2.5×), wall ${wall.toFixed(2)}×`)
  const taken = appended.map((cost, round) => decoded[round]! + cost.node)
  const kept = appended.map((cost, round) => decoded[round]! + total(cost))
  console.log(
    `  of a span: to normalise and assemble it ${median(thought).toFixed(1)} us, to decode and journal it ` +
      `${median(kept).toFixed(1)} us, of which ${median(taken).toFixed(1)} us outside of the database: ` +
      `${ratio(thought, kept).toFixed(2)}× and ${ratio(thought, taken).toFixed(2)}× (goal < 1×)`,
  )
}

function print(name: string, costs: readonly Cost[]): void {
  const of = (field: keyof Cost, width: number) =>
    median(costs.map((cost) => cost[field]))
      .toFixed(1)
      .padStart(width)
  console.log(`  ${name.padEnd(32)}${of('node', 7)}${of('database', 13)}${of('wall', 9)}`)
}

/** Batches of a busy agent service, with ids no other round has. */
function freshBodies(round: number): Buffer[] {
  return Array.from({ length: BATCHES }, (_, seed) =>
    Buffer.from(genAiBatch({ spans: SPANS_PER_BATCH, contents: false, seed: round * BATCHES + seed + 1 })),
  )
}

/** Usage as a receiver makes it of them. */
function usagesOf(spans: DecodedSpans): Usage[] {
  const usages: Usage[] = []
  for (let i = 0; i < spans.length; i++) {
    const usage = READING.toUsage(spans.span(i), TENANT)
    if (usage !== null) usages.push(usage)
  }
  return usages
}

/** What was made, and the CPU microseconds per span it took. */
function cpuOf<T>(spans: number, make: () => T): { readonly made: T; readonly micros: number } {
  const from = process.cpuUsage()
  const made = make()
  const { user, system } = process.cpuUsage(from)
  return { made, micros: (user + system) / spans }
}

async function appendAll(journal: Journal, batches: readonly Usage[][]): Promise<void> {
  for (let from = 0; from < batches.length; from += APPENDS_AT_ONCE) {
    const now = new Date()
    await Promise.all(
      batches.slice(from, from + APPENDS_AT_ONCE).map((usages) => journal.append(TENANT, usages, now)),
    )
  }
}

async function copyAll(pool: pg.Pool, batches: readonly Usage[][]): Promise<void> {
  const usages = batches.flat()
  const receivedAt = Date.now()
  const client = await pool.connect()
  for (let from = 0; from < usages.length; from += COPY_ROWS) {
    const rows = usages.slice(from, from + COPY_ROWS).map((usage) => ({ tenant: TENANT, receivedAt, usage }))
    const stream = client.query(
      copyFrom(`copy bare_copy (${COLUMN_NAMES.join(', ')}) from stdin (format binary)`),
    )
    await new Promise((resolve, reject) => {
      stream.on('finish', resolve).on('error', reject)
      stream.end(encodeRows(rows))
    })
  }
  client.release()
}

/** CPU and wall microseconds per row. */
async function measure(batches: readonly Usage[][], work: () => Promise<void>): Promise<Cost> {
  const rows = batches.reduce((sum, usages) => sum + usages.length, 0)
  const own = process.cpuUsage()
  const database = cpuMsOfTree(server.pid) ?? Number.NaN
  const started = performance.now()
  await work()
  const wall = performance.now() - started
  const { user, system } = process.cpuUsage(own)
  const databaseMs = (cpuMsOfTree(server.pid) ?? Number.NaN) - database
  return { node: (user + system) / rows, database: (databaseMs * 1000) / rows, wall: (wall * 1000) / rows }
}

/** Both tables hold the same rows, or the comparison says nothing. */
async function verify(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query(`
    select (select count(*) from bare_copy) as copied, (select count(*) from aforo_store.usage_journal) as appended,
      (select sum(span_count) from aforo_store.traces) as traced`)
  const { copied, appended, traced } = rows[0]
  if (copied !== appended || copied !== traced)
    throw new Error(`copied ${copied}, appended ${appended}, traced ${traced}`)
}

import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { Registry } from 'prom-client'
import { auditAll } from '../cmd/audit/run.ts'
import { SILENT } from '../core/log.ts'
import { seedPriceBook } from '../rating/prices/seed.ts'
import { createRater } from '../rating/rater.ts'
import { assemble } from '../receiver/assemble/assemble.ts'
import { createCutter } from '../receiver/cut/cutter.ts'
import { CUT_DEFAULTS } from '../receiver/cut/settings.ts'
import { createReceiverMetrics } from '../receiver/metrics.ts'
import { startReceiver } from '../receiver/receiver.ts'
import { startEmbedded } from '../schema/embedded/launcher.ts'
import { migrate } from '../schema/migrate.ts'
import { openPool } from '../schema/pool.ts'
import { agentTraces } from './agent-traces.ts'
import { sendAll } from './load.ts'
import { cpuMsOfTree } from './processes.ts'
import { storeCustomers } from './rate-events.ts'

/** What an audit of so many events costs: CPU of Node and of the database, and how long it took. */
const TRACES_PER_BATCH = 100
const EVENTS = Number(process.env.BENCH_EVENTS ?? 10_000)
const CUSTOMERS = 200
const ROUNDS = 3
const CUT = { ...CUT_DEFAULTS, quietMs: 0, idleMs: 0 }

const folder = mkdtempSync(join(tmpdir(), 'aforo-bench-'))
// PostgreSQL refuses to run as root; the user it runs as must get through here.
chmodSync(folder, 0o711)
const database = await startEmbedded({ dataDir: folder, log: SILENT })
try {
  await migrate(database.url, { timescale: 'off' })
  const pool = openPool(database.url, { max: 16 })
  await fill(pool)
  await pool.query('vacuum analyze')
  await pool.end()
  for (let round = 0; round < ROUNDS; round++) await audit()
} finally {
  await database.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function audit(): Promise<void> {
  const before = { node: process.cpuUsage(), backend: cpuMsOfTree(database.pid), at: performance.now() }
  const report = await auditAll(
    database.url,
    { tenantId: null, from: '-infinity', to: 'infinity' },
    new Date(),
  )
  const { user, system } = process.cpuUsage(before.node)
  const backend = (cpuMsOfTree(database.pid) ?? Number.NaN) - (before.backend ?? Number.NaN)
  const per = (ms: number) => `${((ms * 1000) / EVENTS).toFixed(0)} us`
  print(
    `${EVENTS} events, ${report.gapCount} gaps: CPU per event node ${per((user + system) / 1000)}, ` +
      `database ${per(backend)}; wall ${per(performance.now() - before.at)}`,
  )
}

/** From the socket to the rating, as `bench/pipeline.ts` does. */
async function fill(pool: pg.Pool): Promise<void> {
  await seedPriceBook(pool, new Date(Date.UTC(2025, 0, 1)))
  await storeCustomers(pool, CUSTOMERS, 'customer_')
  const metrics = createReceiverMetrics(new Registry())
  const receiver = await startReceiver({
    pool,
    access: { authorise: async () => 'default' },
    log: SILENT,
    metrics,
    httpAddr: { host: '127.0.0.1', port: 0 },
    grpcAddr: { host: '127.0.0.1', port: 0 },
    bodyBytesMax: 67_108_864,
    cut: CUT,
  })
  let seed = 0
  await sendAll(receiver.httpPort, 4, () =>
    seed++ < EVENTS / TRACES_PER_BATCH
      ? agentTraces({ traces: TRACES_PER_BATCH, seed, customers: CUSTOMERS, endMs: Date.now() })
      : null,
  )
  await receiver.stop()
  const cutter = createCutter({ pool, settings: CUT, log: SILENT, assemble, metrics })
  const rater = createRater({ pool })
  while ((await cutter.cut(new Date())) > 0);
  while ((await rater.rate(new Date())) > 0);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

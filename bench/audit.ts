import { auditAll } from '../cmd/audit/run.ts'
import { openPool } from '../schema/pool.ts'
import { benchDatabase } from './database.ts'
import { fillBooks } from './fill.ts'
import { cpuMsOfTree } from './processes.ts'

/** What an audit of so many events costs: CPU of Node and of the database, and how long it took. */
const EVENTS = Number(process.env.BENCH_EVENTS ?? 10_000)
const CUSTOMERS = 200
const ROUNDS = 3

await using database = await benchDatabase()
const pool = openPool(database.url, { max: 16 })
await fillBooks(pool, { events: EVENTS, customers: CUSTOMERS, endMs: Date.now() })
await pool.query('vacuum analyze')
await pool.end()
for (let round = 0; round < ROUNDS; round++) await audit()

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

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

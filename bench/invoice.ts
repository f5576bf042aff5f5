import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { SILENT } from '../core/log.ts'
import { invoiceFaults } from '../rating/invoices/audit.ts'
import { draftInvoice } from '../rating/invoices/draft.ts'
import { finalizeInvoice } from '../rating/invoices/finalize.ts'
import { seedPriceBook } from '../rating/prices/seed.ts'
import { createRater } from '../rating/rater.ts'
import { startEmbedded } from '../schema/embedded/launcher.ts'
import { migrate } from '../schema/migrate.ts'
import { openPool, transaction } from '../schema/pool.ts'
import { cpuMsOfTree } from './processes.ts'
import { storeCustomers, storeEvents } from './rate-events.ts'

/*
 * What it costs to draft, finalise and audit the invoice of one customer with so many events in the period: how long it
 * took, CPU of Node and of the database, and by how much the heap of Node grew at the most.
 */
const EVENTS = Number(process.env.BENCH_EVENTS ?? 10_000)
const EVENTS_AT_ONCE = 2_000
const NOVEMBER = { start: Date.UTC(2026, 10, 1), end: Date.UTC(2026, 11, 1) }
const DECEMBER = new Date(Date.UTC(2026, 11, 2))
const SAMPLE_MS = 20

const folder = mkdtempSync(join(tmpdir(), 'aforo-bench-'))
const server = await startEmbedded({ dataDir: folder, log: SILENT })
try {
  await migrate(server.url, { timescale: 'off' })
  const pool = openPool(server.url, { max: 4 })
  await run(pool)
  await pool.end()
} finally {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function run(pool: pg.Pool): Promise<void> {
  await seedPriceBook(pool, new Date(Date.UTC(2026, 0, 1)))
  await storeCustomers(pool, 1)
  const rater = createRater({ pool })
  for (let from = 0; from < EVENTS; from += EVENTS_AT_ONCE) {
    await storeEvents(pool, { from, count: Math.min(EVENTS_AT_ONCE, EVENTS - from), customers: 1 })
    while ((await rater.rate(new Date())) > 0);
  }
  await pool.query('vacuum analyze')
  const order = { tenantId: 'default', customerId: 'customer-0', period: NOVEMBER, currency: null }
  const { invoiceId } = await measured('draft', () =>
    transaction(pool, (client) => draftInvoice(client, order, DECEMBER)),
  )
  const { invoice } = await measured('finalise', () =>
    transaction(pool, (client) => finalizeInvoice(client, 'default', invoiceId, DECEMBER, false)),
  )
  const faults = await measured('audit', () =>
    transaction(pool, (client) => invoiceFaults(client, 'default', invoiceId)),
  )
  print(
    `${invoice.document.lines.length} lines, subtotal ${invoice.document.subtotal}, ${faults.length} faults`,
  )
}

async function measured<T>(what: string, work: () => Promise<T>): Promise<T> {
  const before = { node: process.cpuUsage(), backend: cpuMsOfTree(server.pid), at: performance.now() }
  const heapBefore = process.memoryUsage().heapUsed
  let heapMost = heapBefore
  const sampler = setInterval(() => {
    heapMost = Math.max(heapMost, process.memoryUsage().heapUsed)
  }, SAMPLE_MS)
  const result = await work()
  clearInterval(sampler)
  const { user, system } = process.cpuUsage(before.node)
  const backend = (cpuMsOfTree(server.pid) ?? Number.NaN) - (before.backend ?? Number.NaN)
  const grew = ((heapMost - heapBefore) / 1_048_576).toFixed(1)
  print(
    `${what} of ${EVENTS} events: ${(performance.now() - before.at).toFixed(0)} ms, CPU node ` +
      `${((user + system) / 1000).toFixed(0)} ms, database ${backend.toFixed(0)} ms, heap +${grew} MB`,
  )
  return result
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

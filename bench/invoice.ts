import type pg from 'pg'
import { invoicing } from '../cmd/invoicing.ts'
import { draftInvoice } from '../rating/invoices/draft.ts'
import { finalizeInvoice } from '../rating/invoices/finalize.ts'
import { openPool, transaction } from '../schema/pool.ts'
import { benchDatabase } from './database.ts'
import { fillBooks } from './fill.ts'
import { cpuMsOfTree } from './processes.ts'

/*
 * What it costs to draft, finalise and audit the invoice of one customer with so many events in the period: how long it
 * took, CPU of Node and of the database, and by how much the heap of Node grew at the most.
 */
const EVENTS = Number(process.env.BENCH_EVENTS ?? 10_000)
const NOVEMBER = { start: Date.UTC(2025, 10, 1), end: Date.UTC(2025, 11, 1) }
const DECEMBER = new Date(Date.UTC(2025, 11, 2))
const SAMPLE_MS = 20

await using server = await benchDatabase()
const pool = openPool(server.url, { max: 4 })
await run(pool)
await pool.end()

async function run(pool: pg.Pool): Promise<void> {
  await fillBooks(pool, { events: EVENTS, customers: 1, endMs: NOVEMBER.start + 86_400_000 })
  await pool.query('vacuum analyze')
  const order = { tenantId: 'default', customerId: 'customer_0', period: NOVEMBER, currency: null }
  const { invoiceId } = await measured('draft', () =>
    transaction(pool, (client) => draftInvoice(client, order, DECEMBER)),
  )
  const { invoice } = await measured('finalise', () =>
    transaction(pool, (client) => finalizeInvoice(client, 'default', invoiceId, DECEMBER, false)),
  )
  const { gaps } = await measured('audit, down to the journal,', () =>
    transaction(pool, (client) => invoicing.auditInvoice(client, 'default', invoiceId, DECEMBER)),
  )
  print(`${invoice.document.lines.length} lines, subtotal ${invoice.document.subtotal}, ${gaps.length} gaps`)
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

import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { invoicing } from '../../cmd/invoicing.ts'
import { packAssembly, unpackAssembly } from '../../core/packed-assembly.ts'
import { transaction } from '../../schema/pool.ts'
import { storeCustomer, storePlan } from '../rating/events.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { callOf, spanIdOf, traceIdOf } from '../support/usages.ts'
import { openBooks, PLAN } from './books.ts'

/** An invoice is derived from the journal: whatever of its customer is not as it was is named, and nothing of others. */

const PERIOD = { start: Date.UTC(2026, 10), end: Date.UTC(2026, 11) }
const DECEMBER = new Date('2026-12-02T00:00:00Z')

let db: TestDatabase
let invoiceId: string

beforeAll(async () => {
  db = await testDatabase()
  const books = openBooks(db.pool)
  await storePlan(db.pool, 'team', PLAN)
  for (const customer of ['acme', 'globex']) await storeCustomer(db.pool, customer, 'team')
  await books.price(-60, 'anthropic', 'claude-sonnet-4-5', 'input_uncached', '0.000003')
  await books.price(-60, 'anthropic', 'claude-sonnet-4-5', 'output', '0.000015')
  await books.group(0, 'bot', 'session')
  const ofSession = { product: 'bot', session: 's1' }
  await books.push(
    1,
    callOf('one', 'root', { customer: 'acme' }),
    callOf('first', 'root', { customer: 'acme', ...ofSession }),
    callOf('second', 'root', { customer: 'acme', ...ofSession }),
    callOf('other', 'root', { customer: 'globex' }),
  )
  await books.cut(60)
  await books.rate(61)
  const order = { tenantId: 'default', customerId: 'acme', period: PERIOD, currency: 'USD' }
  const drafted = await transaction(db.pool, (client) => invoicing.draftInvoice(client, order, DECEMBER))
  invoiceId = drafted.invoiceId
  await transaction(db.pool, (client) =>
    invoicing.finalizeInvoice(client, 'default', invoiceId, DECEMBER, false),
  )
})
afterAll(() => db.drop())

/** The checks that find something, after a change that is taken back. */
async function found(change: (client: pg.PoolClient) => Promise<unknown>): Promise<readonly string[]> {
  const client = await db.pool.connect()
  try {
    await client.query('begin')
    await client.query('set local session_replication_role = replica')
    await change(client)
    const gaps = await invoicing.auditInvoice(client, 'default', invoiceId, DECEMBER)
    return [...new Set(gaps.map(({ check }) => check))].sort()
  } finally {
    await client.query('rollback')
    client.release()
  }
}

async function doubleTokens(client: pg.PoolClient, trace: string): Promise<void> {
  const where = `where trace_id = decode($1, 'hex')`
  const { rows } = await client.query(`select assembly from aforo_store.events ${where}`, [traceIdOf(trace)])
  const document = unpackAssembly(rows[0].assembly)
  const calls = document.calls.map((call) => ({ ...call, buckets: { ...call.buckets, outputText: 777 } }))
  const packed = JSON.stringify(packAssembly({ ...document, calls }))
  await client.query(`update aforo_store.events set assembly = $2 ${where}`, [traceIdOf(trace), packed])
}

const spoil = (client: pg.PoolClient, trace: string) =>
  client.query(
    `update aforo_store.usage_journal set output_text = output_text + 1
     where trace_id = decode($1, 'hex') and span_id = decode($2, 'hex')`,
    [traceIdOf(trace), spanIdOf('root')],
  )

test('agrees with the journal it came from', async () => {
  expect(await found(async () => {})).toEqual([])
})

test('names an assembly that is not that of its journal rows', async () => {
  expect(await found((client) => doubleTokens(client, 'one'))).toContain('assembly')
})

test('names a journal row that does not say what it said, of a trace and of a session', async () => {
  expect(await found((client) => spoil(client, 'one'))).toEqual(
    expect.arrayContaining(['assembly', 'journal_rows']),
  )
  expect(await found((client) => spoil(client, 'second'))).toContain('journal_rows')
})

test('names a line of its own', async () => {
  const change = `update aforo_store.invoice_lines set amount_exact = amount_exact + 0.001, residual = residual + 0.001
    where line_no = 1`
  expect(await found((client) => client.query(change))).toEqual(['invoice_lines'])
})

test('has nothing to say of another customer', async () => {
  expect(await found((client) => spoil(client, 'other'))).toEqual([])
})

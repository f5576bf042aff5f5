import type pg from 'pg'
import { expect, test } from 'vitest'
import { NO_TOKENS } from '../../core/usage.ts'
import { invoiceFaults } from '../../rating/invoices/audit.ts'
import { draftInvoice } from '../../rating/invoices/draft.ts'
import { finalizeInvoice } from '../../rating/invoices/finalize.ts'
import { createRater } from '../../rating/rater.ts'
import { recordGrant } from '../../schema/ledger/grant.ts'
import { transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { dyingAt } from '../support/dying.ts'
import { assemblyOf, modelCall, storeCustomer, storeEvent, storePlan } from './events.ts'

/** A process that dies between any two statements of finalising: there is an invoice with its number, or still a draft. */

const STATEMENTS_MAX = 100
const TABLES = [
  'invoices',
  'invoice_lines',
  'invoice_periods',
  'invoice_series',
  'meter_counters',
  'credit_wallets',
  'credit_balances',
  'credit_postings',
]
const LATER = new Date('2026-06-01T00:00:00Z')
const start = (month: number) => Date.UTC(2026, month)

async function told(pool: pg.Pool): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const table of TABLES) {
    const { rows } = await pool.query<{ told: string }>(
      `select coalesce(string_agg(to_jsonb(t)::text, E'\n' order by to_jsonb(t)::text), '') as told
       from aforo_store.${table} t`,
    )
    found[table] = rows[0]!.told
  }
  return found
}

/** January is billed and then turns out far smaller; February is drafted, and cannot set all of that off. */
async function fill({ pool }: TestDatabase): Promise<string> {
  const meter = { meter: 'input_tokens', model: 'per_unit', unit_price: '3.333', per: '1000' }
  await storePlan(pool, 'pro', { currency: 'USD', meters: [meter], minimum: '1' }, '2025-12-01T00:00:00Z')
  await storeCustomer(pool, 'acme', 'pro')
  const grant = { amount: '2', kind: 'promo', priority: 50, effectiveAt: null, expiresAt: null } as const
  await transaction(pool, (client) =>
    recordGrant(client, { tenantId: 'default', customerId: 'acme' }, grant, new Date(start(1))),
  )
  const rater = createRater({ pool })
  const use = async (traceNo: number, revision: number, month: number, tokens: number, second: number) => {
    const buckets = { ...NO_TOKENS, inputUncached: tokens }
    await storeEvent(pool, {
      traceNo,
      revision,
      customer: 'acme',
      time: new Date(start(month) + 86_400_000),
      recordedAt: new Date(start(4) + second * 1000),
      assembly: assemblyOf({ calls: [modelCall(1, { buckets })] }),
    })
    await rater.rate(new Date(start(4) + second * 1000))
  }
  const draft = (month: number) =>
    transaction(pool, (client) =>
      draftInvoice(
        client,
        {
          tenantId: 'default',
          customerId: 'acme',
          period: { start: start(month), end: start(month + 1) },
          currency: 'USD',
        },
        new Date(start(4) + month * 1000),
      ),
    )
  await use(1, 0, 0, 9000, 1)
  const january = await draft(0)
  await finalize(pool, january.invoiceId)
  await use(1, 1, 0, 500, 2)
  await use(2, 0, 1, 1000, 3)
  return (await draft(1)).invoiceId
}

const finalize = (pool: pg.Pool, invoiceId: string) =>
  transaction(pool, (client) => finalizeInvoice(client, 'default', invoiceId, LATER, false))

test('a death at any statement of finalising leaves a draft and no number, and the next try has it whole', async () => {
  const db = await testDatabase()
  try {
    const invoiceId = await fill(db)
    const before = await told(db.pool)
    let deaths = 0
    while (!(await dyingAt(db, deaths, (pool) => finalize(pool, invoiceId)))) {
      const found = await told(db.pool)
      // Dead between the commit and the word of it.
      if (found.invoice_series !== before.invoice_series) break
      expect(found, `after a death at statement ${deaths}`).toEqual(before)
      deaths++
      expect(deaths).toBeLessThan(STATEMENTS_MAX)
    }
    expect(deaths).toBeGreaterThan(10)
    const { rows } = await db.pool.query(
      `select kind, number, status from aforo_store.invoices order by kind, number`,
    )
    expect(rows).toEqual([
      { kind: 'credit_note', number: '1', status: 'open' },
      { kind: 'invoice', number: '1', status: 'open' },
      { kind: 'invoice', number: '2', status: 'open' },
    ])
    expect(await transaction(db.pool, (client) => invoiceFaults(client, 'default', invoiceId))).toEqual([])
  } finally {
    await db.drop()
  }
})

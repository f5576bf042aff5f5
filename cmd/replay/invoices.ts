import type pg from 'pg'
import { invoiceFaults } from '../../rating/invoices/audit.ts'
import { readUnitBills } from '../../rating/invoices/billed.ts'
import { readCustomerBooks } from '../../rating/invoices/customer-books.ts'
import { holdBooks, sealBooks } from '../../rating/invoices/seal.ts'
import { pagesOf } from '../../schema/pages.ts'
import { transaction } from '../../schema/pool.ts'
import { type Comparison, DIFFERENCES_TOLD_MAX } from './compare.ts'
import { columnsOf, copyRows } from './facts.ts'

/** In an order in which each row finds what it points at. */
const INVOICE_TABLES = ['invoice_series', 'invoices', 'invoice_lines', 'invoice_periods']

const PAGE_INVOICES = 100

/**
 * Copies invoices and credit notes as they were issued: they say who bought and sold, and what could not be billed yet,
 * as it was then. Whatever they were made of is held behind their cutoff, as it was when they were finalised.
 */
export async function copyInvoices(source: pg.PoolClient, target: pg.Pool): Promise<void> {
  await transaction(target, async (client) => {
    for (const name of INVOICE_TABLES) {
      const columns = (await columnsOf(source, name)).join(', ')
      const table = `aforo_store.${name}`
      await copyRows(source, client, `select ${columns} from ${table}`, `${table} (${columns})`)
    }
    for await (const page of pagesOf<FinalRow>(client, FINAL, [], PAGE_INVOICES)) {
      for (const row of page) await sealAgain(client, row)
    }
  })
}

async function sealAgain(client: pg.PoolClient, row: FinalRow): Promise<void> {
  const { tenant_id: tenantId, invoice_id: invoiceId, customer_id: customerId } = row
  const cutoff = Number(row.cutoff)
  const books = await readCustomerBooks(client, tenantId, customerId, cutoff)
  const period = { start: Number(row.start), end: Number(row.end) }
  await holdBooks(client, tenantId, customerId, books, period)
  const bills = await readUnitBills(client, tenantId, invoiceId)
  await sealBooks(client, tenantId, customerId, bills, cutoff)
}

/** Works every finalised invoice of the target out again, of what came of the replay. */
export async function compareInvoices(target: pg.PoolClient): Promise<Comparison> {
  const differences: string[] = []
  let rows = 0
  let differenceCount = 0
  for await (const page of pagesOf<FinalRow>(target, FINAL, [], PAGE_INVOICES)) {
    for (const { tenant_id: tenantId, invoice_id: invoiceId } of page) {
      rows++
      const [first] = await invoiceFaults(target, tenantId, invoiceId)
      if (first === undefined) continue
      differenceCount++
      if (differences.length < DIFFERENCES_TOLD_MAX)
        differences.push(`${tenantId} ${invoiceId}: ${first.found}, when replayed`)
    }
  }
  return { name: 'invoices', rows, differenceCount, differences, reordered: 0 }
}

interface FinalRow extends pg.QueryResultRow {
  readonly tenant_id: string
  readonly invoice_id: string
  readonly customer_id: string
  readonly start: string
  readonly end: string
  readonly cutoff: string
}

/** Instants in milliseconds since 1970, the cutoff in microseconds. */
const FINAL = `
  select tenant_id, invoice_id, customer_id, (extract(epoch from period_from) * 1000)::bigint::text as start,
    (extract(epoch from period_to) * 1000)::bigint::text as end,
    (extract(epoch from cutoff) * 1000000)::bigint::text as cutoff
  from aforo_store.invoices where status <> 'draft' order by cutoff, tenant_id, invoice_id`

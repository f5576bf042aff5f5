import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'
import type { Period } from '../period.ts'
import { currenciesOwed } from './bill.ts'
import { customerPeriod } from './calendar.ts'
import { readCounters, readCustomerBooks } from './customer-books.ts'
import { type Drafted, draftInvoice, type InvoiceOrder, workOut } from './draft.ts'

/** Ended periods that are looked at per customer, back from the last one. */
const PERIODS_BACK_MAX = 24

export interface RunOrder {
  readonly tenantId: string
  /** Periods that ended by then are drafted; milliseconds since 1970. */
  readonly until: number
  /** Customers behind this id; null: from the first. */
  readonly after: string | null
  readonly customers: number
}

/** What a run made of its customers. */
export interface RunResult {
  readonly drafts: readonly {
    readonly invoiceId: string
    readonly isNew: boolean
    readonly drafted: Drafted
  }[]
  /** Customers that could not be invoiced: the others are, all the same. */
  readonly failed: readonly { readonly customer: string; readonly error: AforoError }[]
  /** Null: that was all of them. */
  readonly next: string | null
}

/**
 * Drafts what is not invoiced yet of the periods that ended, customer by customer: back from the last one to the first
 * that is invoiced, at most `PERIODS_BACK_MAX`. A period that owes nothing has no invoice. Drafts that are there are
 * written anew.
 */
export async function runInvoices(client: pg.ClientBase, order: RunOrder, now: Date): Promise<RunResult> {
  const { tenantId, after, customers } = order
  const { rows } = await client.query<{ customer_id: string }>(
    `select customer_id from aforo_store.customers
     where tenant_id = $1 and ($2::text is null or customer_id collate "C" > $2)
     order by customer_id collate "C" limit $3`,
    [tenantId, after, customers + 1],
  )
  const page = rows.slice(0, customers).map((row) => row.customer_id)
  const drafts: RunResult['drafts'][number][] = []
  const failed: RunResult['failed'][number][] = []
  for (const customer of page) {
    await client.query('savepoint customer')
    try {
      drafts.push(...(await draftCustomer(client, order, customer, now)))
      await client.query('release savepoint customer')
    } catch (error) {
      if (!(error instanceof AforoError) || error.retryable) throw error
      await client.query('rollback to savepoint customer')
      failed.push({ customer, error })
    }
  }
  return { drafts, failed, next: rows.length > customers ? page.at(-1)! : null }
}

async function draftCustomer(
  client: pg.ClientBase,
  { tenantId, until }: RunOrder,
  customerId: string,
  now: Date,
): Promise<RunResult['drafts']> {
  const books = await readCustomerBooks(client, tenantId, customerId, null)
  const counters = await readCounters(client, tenantId, books.terms)
  const invoiced = await readInvoiced(client, tenantId, customerId)
  const drafts: RunResult['drafts'][number][] = []
  const current = customerPeriod(books.terms, until)
  let period = current && customerPeriod(books.terms, current.start - 1)
  for (let no = 0; period !== null && no < PERIODS_BACK_MAX; no++) {
    const { start, end }: Period = period
    if (invoiced.some((each) => each.start < end && each.end > start)) break
    const owed = currenciesOwed(books, counters, period)
    for (const currency of owed) {
      drafts.push(await draftInvoice(client, { tenantId, customerId, period, currency }, now))
    }
    // What is late needs an invoice even where the last period itself owes nothing.
    const earlier = no === 0 ? new Set(invoiced.map((each) => each.currency)) : []
    for (const currency of earlier) {
      const order = { tenantId, customerId, period, currency }
      if (!owed.includes(currency) && (await isAnythingLate(client, order))) {
        drafts.push(await draftInvoice(client, order, now))
      }
    }
    period = customerPeriod(books.terms, start - 1)
  }
  return drafts.reverse()
}

async function isAnythingLate(client: pg.ClientBase, order: InvoiceOrder): Promise<boolean> {
  const { invoice, creditNote } = await workOut(client, order, null, null)
  return invoice.document.lines.length > 0 || creditNote !== null
}

interface Invoiced extends Period {
  readonly currency: string
}

async function readInvoiced(
  client: pg.ClientBase,
  tenantId: string,
  customerId: string,
): Promise<readonly Invoiced[]> {
  const { rows } = await client.query<{ start: string; end: string; currency: string }>(
    `select currency, (extract(epoch from period_from) * 1000)::bigint::text as "start",
       (extract(epoch from period_to) * 1000)::bigint::text as "end"
     from aforo_store.invoices
     where tenant_id = $1 and customer_id = $2 and kind = 'invoice' and status not in ('draft', 'void')`,
    [tenantId, customerId],
  )
  return rows.map(({ start, end, currency }) => ({ start: Number(start), end: Number(end), currency }))
}

import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { AforoError, type ErrorCode } from '../../core/errors.ts'
import type { InvoiceDocument, InvoiceKind } from '../../core/invoice.ts'
import { ZERO } from '../../core/money.ts'
import type { Period } from '../period.ts'
import { type BilledBefore, billPeriod, type LatePeriod, type PeriodBill } from './bill.ts'
import type { UnitBill } from './billed.ts'
import { customerPeriod } from './calendar.ts'
import {
  type CounterRow,
  type CustomerBooks,
  type Parties,
  readCounters,
  readCustomerBooks,
  readParties,
} from './customer-books.ts'
import { type DocumentHead, documentOf } from './document.ts'
import { minus, NOTHING } from './owed.ts'
import { type Divided, divide, type LateChange, together } from './totals.ts'
import { readWarnings } from './warnings.ts'
import { writeInvoice } from './write.ts'

/** Whose invoice, of which period. */
export interface InvoiceOrder {
  readonly tenantId: string
  readonly customerId: string
  readonly period: Period
  /** Null: that of the plans of the period. */
  readonly currency: string | null
}

/** An invoice as it would be, and the credit note beside it, if there is one. */
export interface Drafted {
  readonly invoice: { readonly document: InvoiceDocument; readonly bills: readonly UnitBill[] }
  readonly creditNote: Drafted['invoice'] | null
}

/** What only a finalisation knows. */
export interface Finality {
  /** Milliseconds since 1970. */
  readonly cutoff: number
  readonly issuedAt: number
  readonly numberOf: (kind: InvoiceKind) => Promise<string>
}

/** Long periods are read whole: longer than a statement of the API may usually take. */
const READ_MS_MAX = 600_000

/** Until the transaction ends, nobody else makes or finalises an invoice of the customer. */
export async function lockInvoices(
  client: pg.ClientBase,
  tenantId: string,
  customerId: string,
): Promise<void> {
  await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
    JSON.stringify(['invoices', tenantId, customerId]),
  ])
}

/** Works an invoice out, from what is committed now, or was by a cutoff. Writes nothing. */
export async function workOut(
  client: pg.ClientBase,
  order: InvoiceOrder,
  known: { readonly books: CustomerBooks; readonly counters: readonly CounterRow[] } | null,
  finality: Finality | null,
  unfit: ErrorCode = finality ? 'conflict' : 'invalid_argument',
): Promise<Drafted> {
  const { tenantId, customerId, period } = order
  await client.query(`set local statement_timeout = ${READ_MS_MAX}`)
  const parties = await readParties(client, tenantId, customerId)
  const books = known?.books ?? (await readCustomerBooks(client, tenantId, customerId, null))
  refuseOtherPeriod(books, order, unfit)
  const counters = known?.counters ?? (await readCounters(client, tenantId, books.terms))
  const cutoff = finality && finality.cutoff * 1000
  const bill = await billPeriod(client, { ...order, cutoff, books, counters })
  const warnings = [
    ...(await readWarnings(client, tenantId, customerId, period)),
    ...bill.otherCurrencies.map((currency) => ({
      kind: `currency_${currency}`,
      count: 1,
      scope: 'customer' as const,
    })),
  ]
  const head = { customer: customerId, parties, currency: bill.currency, period, warnings }
  const timezone = zoneOf(books, period)
  return divided(bill, parties, { ...head, timezone }, finality)
}

/**
 * Works a draft out as its invoice would be now. Writes nothing.
 * @throws AforoError `conflict` where its period is none of the customer's any more
 */
export function previewInvoice(client: pg.ClientBase, order: InvoiceOrder): Promise<Drafted> {
  return workOut(client, order, null, null, 'conflict')
}

async function divided(
  { period, bills, before, late, currency }: PeriodBill,
  { taxRatePct }: Parties,
  head: Omit<DocumentHead, 'kind' | 'number' | 'beside' | 'cutoff' | 'issuedAt'>,
  finality: Finality | null,
): Promise<Drafted> {
  const parts = divide(period, before, late, currency, taxRatePct ?? '0')
  const when = { cutoff: finality?.cutoff ?? null, issuedAt: finality?.issuedAt ?? null }
  const number = finality ? await finality.numberOf('invoice') : null
  // A unit that was billed before is on two documents where they give it back beside the invoice.
  const withBefore = (own: readonly UnitBill[], given: readonly BilledBefore[]) =>
    own.map((bill) => {
      const of = given.find((each) => isOf(each, bill))
      return of ? { ...bill, before: minus(NOTHING, of.change) } : bill
    })
  const lateBills = (changes: readonly LatePeriod[]) => changes.flatMap((each) => each.bills)
  const invoice = {
    document: documentOf(
      { ...head, ...when, kind: 'invoice', number, beside: null },
      together(period, changesOf(parts.invoice)),
    ),
    bills: [...withBefore(bills, parts.invoice.before), ...lateBills(parts.invoice.late)],
  }
  const given = parts.creditNote
  if (changesOf(given).length === 0) return { invoice, creditNote: null }
  const nothing = { lines: [], credits: { promo: ZERO, paid: ZERO } }
  const note = documentOf(
    {
      ...head,
      ...when,
      kind: 'credit_note',
      number: finality ? await finality.numberOf('credit_note') : null,
      beside: number,
      warnings: [],
    },
    together(nothing, changesOf(given)),
  )
  const unbilled = given.before.map((each) => ({ ...keyOf(each), owed: NOTHING, before: NOTHING }))
  const noteBills = [...withBefore(unbilled, given.before), ...lateBills(given.late)]
  return { invoice, creditNote: { document: note, bills: noteBills } }
}

type UnitName = Pick<UnitBill, 'subscriptionId' | 'periodStart'>

function keyOf({ subscriptionId, periodStart }: UnitName): UnitName {
  return { subscriptionId, periodStart }
}

function isOf(a: UnitName, b: UnitName): boolean {
  return a.subscriptionId === b.subscriptionId && a.periodStart === b.periodStart
}

function changesOf({ before, late }: Divided<LateChange, LateChange>): readonly LateChange[] {
  return [...before, ...late]
}

/**
 * Makes a draft of a customer's period, or writes the one that is there anew.
 * @throws AforoError `conflict` where the period is invoiced already; `invalid_argument` where it is none of the
 *   customer's
 */
export async function draftInvoice(
  client: pg.ClientBase,
  order: InvoiceOrder,
  now: Date,
): Promise<{ readonly invoiceId: string; readonly isNew: boolean; readonly drafted: Drafted }> {
  const { tenantId, customerId } = order
  await lockInvoices(client, tenantId, customerId)
  const drafted = await workOut(client, order, null, null)
  const known = await knownDraft(client, order, drafted.invoice.document.currency)
  const invoiceId = known ?? `inv_${randomUUID().replaceAll('-', '').slice(0, 24)}`
  const recordedAt = now.toISOString()
  await writeInvoice(client, { tenantId, invoiceId, ...drafted.invoice, final: null, recordedAt })
  return { invoiceId, isNew: known === null, drafted }
}

/** The draft of the period. Drafts of what is no longer a period of the customer make way. */
async function knownDraft(
  client: pg.ClientBase,
  { tenantId, customerId, period }: InvoiceOrder,
  currency: string,
): Promise<string | null> {
  const bounds = [new Date(period.start).toISOString(), new Date(period.end).toISOString()]
  const { rows } = await client.query<{
    invoice_id: string
    is_draft: boolean
    same: boolean
    number: string | null
  }>(
    `select invoice_id, status = 'draft' as is_draft, period_from = $4 and period_to = $5 as same,
       document->>'number' as number
     from aforo_store.invoices
     where tenant_id = $1 and customer_id = $2 and currency = $3 and kind = 'invoice' and status <> 'void'
       and period_from < $5 and period_to > $4`,
    [tenantId, customerId, currency, ...bounds],
  )
  const final = rows.find((row) => !row.is_draft)
  if (final) {
    throw new AforoError(
      'conflict',
      `invoice ${final.number} (${final.invoice_id}) bills this period already`,
    )
  }
  for (const { invoice_id: id } of rows.filter(({ same }) => !same)) {
    for (const table of ['invoice_lines', 'invoice_periods', 'invoices']) {
      await client.query(`delete from aforo_store.${table} where tenant_id = $1 and invoice_id = $2`, [
        tenantId,
        id,
      ])
    }
  }
  return rows.find(({ same }) => same)?.invoice_id ?? null
}

function refuseOtherPeriod(
  { terms }: CustomerBooks,
  { period: { start, end } }: InvoiceOrder,
  code: ErrorCode,
): void {
  const own = customerPeriod(terms, start)
  if (own?.start === start && own.end === end) return
  if (code === 'conflict') {
    const periods = [{ start, end }, ...(own ? [own] : [])].map(
      (each) => `${new Date(each.start).toISOString()} to ${new Date(each.end).toISOString()}`,
    )
    throw new AforoError(
      code,
      `a subscription moved the customer’s periods: ${periods[0]} is none any more${own ? `; draft ${periods[1]} instead` : ''}`,
    )
  }
  const fault = (path: string, message: string) =>
    new AforoError(code, `${path.slice(1)} ${message}`, { faults: [{ path, message }] })
  if (own === null) throw fault('/period_from', 'is before the customer’s first subscription')
  const [from, to] = [own.start, own.end].map((at) => new Date(at).toISOString())
  throw fault('/period_from', `must begin a period of the customer: there is one from ${from} to ${to}`)
}

/** The time zone of a customer in a period. */
export function zoneOf({ terms }: CustomerBooks, { start, end }: Period): string {
  return terms.find(({ from, until }) => from < end && until > start)?.timezone ?? 'UTC'
}

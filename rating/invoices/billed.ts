import type pg from 'pg'
import { type InvoiceKind, invoiceNumber } from '../../core/invoice.ts'
import { Decimal } from '../../core/money.ts'
import { cutoffText } from './customer-books.ts'
import { type Amounts, minus, NOTHING, plus } from './owed.ts'

/** What an invoice bills of a unit. `periodStart` in milliseconds since 1970. */
export interface UnitBill {
  readonly subscriptionId: string
  readonly periodStart: number
  /** What the unit came to. */
  readonly owed: Amounts
  /** What other invoices that counted had billed of it. */
  readonly before: Amounts
}

/** A finalised invoice or credit note that counts. */
export interface BilledDocument {
  readonly invoiceId: string
  readonly kind: InvoiceKind
  readonly number: string
  readonly from: number
  readonly to: number
  /** Microseconds since 1970. */
  readonly cutoff: number
  readonly bills: readonly UnitBill[]
}

/**
 * The finalised invoices and credit notes of a customer that are not void, the earlier ones first.
 * @param cutoff as they were at an earlier cutoff, microseconds since 1970; null: now
 */
export async function readBilled(
  client: pg.ClientBase,
  tenantId: string,
  customerId: string,
  currency: string,
  cutoff: number | null,
): Promise<readonly BilledDocument[]> {
  const { rows } = await client.query<DocumentRow>(
    `select invoice.invoice_id, invoice.kind, invoice.number::text as number,
       (extract(epoch from invoice.period_from) * 1000)::bigint::text as "from",
       (extract(epoch from invoice.period_to) * 1000)::bigint::text as "to",
       (extract(epoch from invoice.cutoff) * 1000000)::bigint::text as cutoff,
       bill.subscription_id::text as subscription_id,
       (extract(epoch from bill.period_start) * 1000)::bigint::text as period_start, ${AMOUNTS}
     from aforo_store.invoices invoice
     left join aforo_store.invoice_periods bill using (tenant_id, invoice_id)
     where tenant_id = $1 and invoice.customer_id = $2 and invoice.currency = $3 and invoice.status <> 'draft'
       and invoice.cutoff < $4 and (invoice.voided_at is null or invoice.voided_at >= $4)
     order by invoice.cutoff, invoice.kind, invoice.number`,
    [tenantId, customerId, currency, cutoffText(cutoff)],
  )
  const byId = Map.groupBy(rows, (row) => row.invoice_id)
  return [...byId].map(([invoiceId, own]) => {
    const { kind, number, from, to, cutoff: at } = own[0]!
    return {
      invoiceId,
      kind,
      number: invoiceNumber(kind, number),
      from: Number(from),
      to: Number(to),
      cutoff: Number(at),
      bills: own.filter((row) => row.subscription_id !== null).map(unitBillOf),
    }
  })
}

/** When an invoice of a customer was last made void, microseconds since 1970; 0 where none was. */
export async function readLastVoid(
  client: pg.ClientBase,
  tenantId: string,
  customerId: string,
): Promise<number> {
  const { rows } = await client.query<{ at: string }>(
    `select coalesce((extract(epoch from max(voided_at)) * 1000000)::bigint, 0)::text as at
     from aforo_store.invoices where tenant_id = $1 and customer_id = $2`,
    [tenantId, customerId],
  )
  return Number(rows[0]!.at)
}

/** What the documents have billed of a unit. */
export function billedOf(
  documents: readonly BilledDocument[],
  subscriptionId: string,
  periodStart: number,
): Amounts {
  return documents
    .flatMap(({ bills }) => bills)
    .filter((bill) => bill.subscriptionId === subscriptionId && bill.periodStart === periodStart)
    .reduce((sum, { owed, before }) => plus(sum, minus(owed, before)), NOTHING)
}

/** What an invoice bills, unit by unit. */
export async function readUnitBills(
  client: pg.ClientBase,
  tenantId: string,
  invoiceId: string,
): Promise<readonly UnitBill[]> {
  const { rows } = await client.query<UnitRow>(
    `select bill.subscription_id::text as subscription_id,
       (extract(epoch from bill.period_start) * 1000)::bigint::text as period_start, ${AMOUNTS}
     from aforo_store.invoice_periods bill where tenant_id = $1 and invoice_id = $2
     order by bill.subscription_id, bill.period_start`,
    [tenantId, invoiceId],
  )
  return rows.map(unitBillOf)
}

/** What an invoice and the credit note beside it bill of a unit, together. */
export async function readBillOfBoth(
  client: pg.ClientBase,
  tenantId: string,
  invoiceId: string,
  { subscriptionId, periodStart }: Pick<UnitBill, 'subscriptionId' | 'periodStart'>,
): Promise<Pick<UnitBill, 'owed' | 'before'>> {
  const { rows } = await client.query<UnitRow>(
    `select bill.subscription_id::text as subscription_id, '0' as period_start, ${AMOUNTS}
     from aforo_store.invoices invoice
     join aforo_store.invoices beside
       on beside.tenant_id = invoice.tenant_id and beside.customer_id = invoice.customer_id
       and beside.currency = invoice.currency and beside.cutoff = invoice.cutoff
     join aforo_store.invoice_periods bill
       on bill.tenant_id = beside.tenant_id and bill.invoice_id = beside.invoice_id
     where invoice.tenant_id = $1 and invoice.invoice_id = $2 and bill.subscription_id = $3 and bill.period_start = $4`,
    [tenantId, invoiceId, subscriptionId, new Date(periodStart).toISOString()],
  )
  return rows
    .map(unitBillOf)
    .reduce((sum, bill) => ({ owed: plus(sum.owed, bill.owed), before: plus(sum.before, bill.before) }), {
      owed: NOTHING,
      before: NOTHING,
    })
}

const AMOUNTS = ['owed', 'owed_promo', 'owed_paid', 'before', 'before_promo', 'before_paid']
  .map((column) => `bill.${column}::text as ${column}`)
  .join(', ')

type UnitRow = Record<
  | 'subscription_id'
  | 'period_start'
  | 'owed'
  | 'owed_promo'
  | 'owed_paid'
  | 'before'
  | 'before_promo'
  | 'before_paid',
  string
>

interface DocumentRow extends UnitRow {
  readonly invoice_id: string
  readonly kind: InvoiceKind
  readonly number: string
  readonly from: string
  readonly to: string
  readonly cutoff: string
}

function unitBillOf(row: UnitRow): UnitBill {
  return {
    subscriptionId: row.subscription_id,
    periodStart: Number(row.period_start),
    owed: amounts(row.owed, row.owed_promo, row.owed_paid),
    before: amounts(row.before, row.before_promo, row.before_paid),
  }
}

function amounts(gross: string, promo: string, paid: string): Amounts {
  return { gross: new Decimal(gross), promo: new Decimal(promo), paid: new Decimal(paid) }
}

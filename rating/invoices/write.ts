import type pg from 'pg'
import type { InvoiceDocument, InvoiceLine } from '../../core/invoice.ts'
import { decimalText } from '../../core/money.ts'
import type { UnitBill } from './billed.ts'

/** A row of `invoices` with its parts. */
export interface WrittenInvoice {
  readonly tenantId: string
  readonly invoiceId: string
  readonly document: InvoiceDocument
  readonly bills: readonly UnitBill[]
  /** Null: a draft. Instants RFC 3339. */
  readonly final: {
    readonly number: string
    readonly contentHash: string
    readonly finalizedAt: string
  } | null
  readonly recordedAt: string
}

/** Writes an invoice as a whole, in place of the draft of the same id where there is one. */
export async function writeInvoice(client: pg.ClientBase, invoice: WrittenInvoice): Promise<void> {
  const { tenantId, invoiceId, document, bills, final, recordedAt } = invoice
  for (const table of ['invoice_lines', 'invoice_periods']) {
    await client.query(`delete from aforo_store.${table} where tenant_id = $1 and invoice_id = $2`, [
      tenantId,
      invoiceId,
    ])
  }
  await client.query(
    `insert into aforo_store.invoices (tenant_id, invoice_id, kind, status, customer_id, currency, period_from, period_to,
       number, cutoff, amount_exact, subtotal, discount, tax, total, credits_applied, amount_due, document, content_hash,
       recorded_at, finalized_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
     on conflict (tenant_id, invoice_id) do update set status = excluded.status, number = excluded.number,
       cutoff = excluded.cutoff, amount_exact = excluded.amount_exact, subtotal = excluded.subtotal,
       discount = excluded.discount, tax = excluded.tax, total = excluded.total,
       credits_applied = excluded.credits_applied, amount_due = excluded.amount_due, document = excluded.document,
       content_hash = excluded.content_hash, recorded_at = excluded.recorded_at, finalized_at = excluded.finalized_at`,
    [
      tenantId,
      invoiceId,
      document.kind,
      final === null ? 'draft' : 'open',
      document.customer,
      document.currency,
      document.period_from,
      document.period_to,
      final?.number ?? null,
      document.cutoff,
      document.amount_exact,
      document.subtotal,
      document.discount,
      document.tax,
      document.total,
      document.credits_applied,
      document.amount_due,
      JSON.stringify(document),
      final?.contentHash ?? null,
      recordedAt,
      final?.finalizedAt ?? null,
    ],
  )
  await writeLines(client, tenantId, invoiceId, document.lines)
  await writeBills(client, tenantId, invoiceId, bills)
}

const LINE_COLUMNS = [
  ['line_no', 'integer'],
  ['kind', 'text'],
  ['plan', 'text'],
  ['plan_version', 'integer'],
  ['meter_no', 'integer'],
  ['meter', 'text'],
  ['provider', 'text'],
  ['model', 'text'],
  ['tool', 'text'],
  ['quantity', 'numeric'],
  ['unit', 'text'],
  ['amount_exact', 'numeric'],
  ['amount', 'numeric'],
  ['residual', 'numeric'],
  ['period_from', 'timestamptz'],
  ['period_to', 'timestamptz'],
] as const satisfies readonly (readonly [keyof InvoiceLine, string])[]

async function writeLines(
  client: pg.ClientBase,
  tenantId: string,
  invoiceId: string,
  lines: readonly InvoiceLine[],
): Promise<void> {
  const names = LINE_COLUMNS.map(([name]) => (name === 'plan' ? 'plan_id' : name)).join(', ')
  const arrays = LINE_COLUMNS.map(([, type], no) => `$${no + 3}::${type}[]`).join(', ')
  await client.query(
    `insert into aforo_store.invoice_lines (tenant_id, invoice_id, ${names})
     select $1, $2, line.* from unnest(${arrays}) as line`,
    [tenantId, invoiceId, ...LINE_COLUMNS.map(([name]) => lines.map((line) => line[name]))],
  )
}

async function writeBills(
  client: pg.ClientBase,
  tenantId: string,
  invoiceId: string,
  bills: readonly UnitBill[],
): Promise<void> {
  const amounts = (side: 'owed' | 'before') =>
    (['gross', 'promo', 'paid'] as const).map((name) => bills.map((bill) => decimalText(bill[side][name])))
  await client.query(
    `insert into aforo_store.invoice_periods (tenant_id, invoice_id, subscription_id, period_start, owed, owed_promo,
       owed_paid, before, before_promo, before_paid)
     select $1, $2, bill.* from unnest($3::bigint[], $4::timestamptz[], $5::numeric[], $6::numeric[], $7::numeric[],
       $8::numeric[], $9::numeric[], $10::numeric[]) as bill`,
    [
      tenantId,
      invoiceId,
      bills.map((bill) => bill.subscriptionId),
      bills.map((bill) => new Date(bill.periodStart).toISOString()),
      ...amounts('owed'),
      ...amounts('before'),
    ],
  )
}

/** The next number of a series. It is held until the transaction ends, so none is left out and none given twice. */
export async function nextNumber(client: pg.ClientBase, tenantId: string, kind: string): Promise<string> {
  const { rows } = await client.query<{ last_number: string }>(
    `insert into aforo_store.invoice_series as series (tenant_id, kind, last_number) values ($1, $2, 1)
     on conflict (tenant_id, kind) do update set last_number = series.last_number + 1
     returning last_number::text as last_number`,
    [tenantId, kind],
  )
  return rows[0]!.last_number
}

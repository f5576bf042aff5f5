import type pg from 'pg'
import type { InvoiceDocument, InvoiceKind, InvoiceStatus } from '../../core/invoice.ts'

/** An invoice as it is stored; times as the database writes them. */
export interface InvoiceRow {
  readonly invoiceId: string
  readonly kind: InvoiceKind
  readonly status: InvoiceStatus
  readonly customerId: string
  readonly document: InvoiceDocument
  readonly contentHash: string | null
  readonly recordedAt: string
  readonly finalizedAt: string | null
  readonly paidAt: string | null
  readonly uncollectibleAt: string | null
  readonly voidedAt: string | null
}

export interface InvoiceFilter {
  readonly customer: string | null
  readonly status: InvoiceStatus | null
  readonly kind: InvoiceKind | null
}

const COLUMNS = `invoice_id as "invoiceId", kind, status, customer_id as "customerId", document,
  content_hash as "contentHash", recorded_at::text as "recordedAt", finalized_at::text as "finalizedAt",
  paid_at::text as "paidAt", uncollectible_at::text as "uncollectibleAt", voided_at::text as "voidedAt"`

export async function readInvoice(
  client: pg.PoolClient,
  tenantId: string,
  invoiceId: string,
): Promise<InvoiceRow | undefined> {
  const { rows } = await client.query<InvoiceRow>(
    `select ${COLUMNS} from aforo_store.invoices where tenant_id = $1 and invoice_id = $2`,
    [tenantId, invoiceId],
  )
  return rows[0]
}

/** Invoices, those of later periods first; their lines are left out. */
export async function listInvoices(
  client: pg.PoolClient,
  tenantId: string,
  { customer, status, kind }: InvoiceFilter,
  page: { readonly after: readonly [string, string] | null; readonly rows: number },
): Promise<readonly InvoiceRow[]> {
  const { rows } = await client.query<InvoiceRow>(
    `select ${COLUMNS.replace('document,', "document - 'lines' as document,")} from aforo_store.invoices
     where tenant_id = $1 and ($2::text is null or customer_id = $2) and ($3::text is null or status = $3)
       and ($4::text is null or kind = $4)
       and ($5::timestamptz is null or (period_from, invoice_id collate "C") < ($5::timestamptz, $6))
     order by period_from desc, invoice_id collate "C" desc
     limit $7`,
    [tenantId, customer, status, kind, page.after?.[0] ?? null, page.after?.[1] ?? null, page.rows],
  )
  return rows
}

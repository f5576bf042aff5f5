import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'
import type { InvoiceKind, InvoiceStatus } from '../../core/invoice.ts'
import type { Period } from '../period.ts'

/** Whose an invoice or credit note is, of what, and how far it got. */
export interface InvoiceHead {
  readonly customerId: string
  readonly kind: InvoiceKind
  readonly status: InvoiceStatus
  readonly currency: string
  readonly period: Period
}

/** @throws AforoError `not_found` */
export async function readInvoiceHead(
  client: pg.ClientBase,
  tenantId: string,
  invoiceId: string,
): Promise<InvoiceHead> {
  const { rows } = await client.query<Omit<InvoiceHead, 'period'> & { from: string; to: string }>(
    `select customer_id as "customerId", kind, status, currency,
       (extract(epoch from period_from) * 1000)::bigint::text as "from",
       (extract(epoch from period_to) * 1000)::bigint::text as "to"
     from aforo_store.invoices where tenant_id = $1 and invoice_id = $2`,
    [tenantId, invoiceId],
  )
  if (!rows[0]) throw new AforoError('not_found', `there is no invoice ${invoiceId}`)
  const { from, to, ...head } = rows[0]
  return { ...head, period: { start: Number(from), end: Number(to) } }
}

import type pg from 'pg'
import { AuditReport } from '../../core/audit.ts'
import { type InvoiceFault, invoiceFaults } from '../invoices/audit.ts'
import { auditEvents } from './audit.ts'

/** Something that an invoice, or an event behind it, is not. */
export interface InvoiceGap {
  readonly check: string
  readonly found: string
}

/**
 * Works a finalised invoice out again from the rated lines before its cutoff, and rates the events of its period once
 * more from their assemblies. Long periods take long.
 */
export async function auditInvoice(
  client: pg.PoolClient,
  tenantId: string,
  invoiceId: string,
  now: Date,
): Promise<readonly InvoiceGap[]> {
  await client.query('set local statement_timeout = 0')
  const faults: readonly InvoiceFault[] = await invoiceFaults(client, tenantId, invoiceId)
  const { rows } = await client.query<{ customer: string; from: string; to: string }>(
    `select customer_id as customer, period_from as "from", period_to as "to"
     from aforo_store.invoices where tenant_id = $1 and invoice_id = $2`,
    [tenantId, invoiceId],
  )
  const { customer, from, to } = rows[0]!
  const report = new AuditReport()
  await auditEvents({ list: client, lanes: [client] }, { tenantId, from, to }, now, report, customer)
  const gaps = report.results.flatMap(({ check, result }) =>
    result.gaps.map(({ kind, id, found }) => ({ check, found: `${kind} ${id}: ${found}` })),
  )
  return [...faults, ...gaps]
}

import type pg from 'pg'
import { AuditReport, type AuditScope } from '../../core/audit.ts'
import { type InvoiceFault, invoiceFaults } from '../invoices/audit.ts'
import { auditEvents } from './audit.ts'

/** Something that an invoice, or an event behind it, is not. */
export interface InvoiceGap {
  readonly check: string
  readonly found: string
}

/** Assembles the journal of a customer's events anew and compares: the receiver's half of an audit. */
export type AuditUsage = (
  client: pg.PoolClient,
  scope: AuditScope,
  customer: string,
  report: AuditReport,
) => Promise<void>

/**
 * Works a finalised invoice out again from the rated lines before its cutoff, rates the events of its period once more
 * from their assemblies, and has these assembled anew from the journal. Long periods take long.
 */
export async function auditInvoice(
  auditUsage: AuditUsage,
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
  const scope = { tenantId, from, to }
  await auditUsage(client, scope, customer, report)
  await auditEvents({ list: client, lanes: [client] }, scope, now, report, customer)
  const gaps = report.results.flatMap(({ check, result }) =>
    result.gaps.map(({ kind, id, found }) => ({ check, found: `${kind} ${id}: ${found}` })),
  )
  return [...faults, ...gaps]
}

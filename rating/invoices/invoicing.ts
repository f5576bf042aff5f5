import type pg from 'pg'
import { type AuditUsage, auditInvoice } from '../audit/invoice.ts'
import { creditInvoice } from './credit-note.ts'
import { draftInvoice, type InvoiceOrder, workOut } from './draft.ts'
import { finalizeInvoice, stepInvoice } from './finalize.ts'
import { runInvoices } from './run.ts'

/** What makes invoices, as the API is given it. */
export function createInvoicing(auditUsage: AuditUsage) {
  return {
    draftInvoice,
    previewInvoice: (client: pg.ClientBase, order: InvoiceOrder) => workOut(client, order, null, null),
    finalizeInvoice,
    creditInvoice,
    stepInvoice,
    runInvoices,
    auditInvoice: auditInvoice.bind(null, auditUsage),
  }
}

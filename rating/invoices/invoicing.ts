import { type AuditUsage, auditInvoice } from '../audit/invoice.ts'
import { creditInvoice } from './credit-note.ts'
import { draftInvoice, previewInvoice } from './draft.ts'
import { finalizeInvoice, stepInvoice } from './finalize.ts'
import { runInvoices } from './run.ts'

/** What makes invoices, as the API is given it. */
export function createInvoicing(auditUsage: AuditUsage) {
  return {
    draftInvoice,
    previewInvoice,
    finalizeInvoice,
    creditInvoice,
    stepInvoice,
    runInvoices,
    auditInvoice: auditInvoice.bind(null, auditUsage),
  }
}

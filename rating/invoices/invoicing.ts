import type pg from 'pg'
import { auditInvoice } from '../audit/invoice.ts'
import { draftInvoice, type InvoiceOrder, workOut } from './draft.ts'
import { finalizeInvoice, stepInvoice } from './finalize.ts'
import { runInvoices } from './run.ts'

/** What makes invoices, as the API is given it. */
export const invoicing = {
  draftInvoice,
  previewInvoice: (client: pg.ClientBase, order: InvoiceOrder) => workOut(client, order, null, null),
  finalizeInvoice,
  stepInvoice,
  runInvoices,
  auditInvoice,
}

import { createInvoicing } from '../rating/invoices/invoicing.ts'
import { auditJournalOf } from '../receiver/audit/audit.ts'

/** Invoices are the rating's; what their audit derives from the journal is the receiver's. */
export const invoicing = createInvoicing(auditJournalOf)

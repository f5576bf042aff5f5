import type pg from 'pg'
import type { AforoError } from '../core/errors.ts'
import type { InvoiceDocument, InvoiceStep } from '../core/invoice.ts'

/** Whose invoice, of which period; milliseconds since 1970. */
export interface WantedInvoice {
  readonly tenantId: string
  readonly customerId: string
  readonly period: { readonly start: number; readonly end: number }
  /** Null: that of the plans of the period. */
  readonly currency: string | null
}

/** An invoice as it would be, and the credit note beside it, if there is one. */
export interface DraftedInvoice {
  readonly invoice: { readonly document: InvoiceDocument }
  readonly creditNote: { readonly document: InvoiceDocument } | null
}

/** A draft that was written. */
export interface WrittenDraft {
  readonly invoiceId: string
  readonly isNew: boolean
  readonly drafted: DraftedInvoice
}

/** What of an invoice, or of what it stands on, is not as it must be; and what is not settled yet, by what it is. */
export interface InvoiceAudit {
  readonly gaps: readonly { readonly check: string; readonly found: string }[]
  readonly pending: ReadonlyMap<string, number>
}

/** What the API is given of the rating to make invoices. All of it runs in the transaction of the client. */
export interface Invoicing {
  draftInvoice(client: pg.ClientBase, wanted: WantedInvoice, now: Date): Promise<WrittenDraft>
  /** Works a draft out, and writes nothing. */
  previewInvoice(client: pg.ClientBase, wanted: WantedInvoice): Promise<DraftedInvoice>
  finalizeInvoice(
    client: pg.ClientBase,
    tenantId: string,
    invoiceId: string,
    now: Date,
    allowWaiting: boolean,
  ): Promise<{ readonly creditNoteId: string | null }>
  /** Gives back what an invoice billed too much. @returns the credit note's id */
  creditInvoice(client: pg.ClientBase, tenantId: string, invoiceId: string, now: Date): Promise<string>
  stepInvoice(
    client: pg.ClientBase,
    tenantId: string,
    invoiceId: string,
    step: Exclude<InvoiceStep, 'finalize'>,
    now: Date,
  ): Promise<void>
  runInvoices(
    client: pg.ClientBase,
    order: {
      readonly tenantId: string
      readonly until: number
      readonly after: string | null
      readonly customers: number
    },
    now: Date,
  ): Promise<{
    readonly drafts: readonly WrittenDraft[]
    readonly failed: readonly { readonly customer: string; readonly error: AforoError }[]
    readonly next: string | null
  }>
  /**
   * Works a finalised invoice out again from the rated lines, these from their events, and these from the journal; in
   * one snapshot.
   */
  auditInvoice(client: pg.PoolClient, tenantId: string, invoiceId: string, now: Date): Promise<InvoiceAudit>
}

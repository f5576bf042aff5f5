import type pg from 'pg'
import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import { INVOICE_KINDS, INVOICE_STATUSES, type InvoiceDocument } from '../../core/invoice.ts'
import { enqueueMessage } from '../../schema/webhooks/enqueue.ts'
import { decodeCursor, encodeCursor, pageOf } from '../cursor.ts'
import { instant, listOf, name, page } from '../fields.ts'
import { rfc3339OfDatabase } from '../instant.ts'
import { invoiceFields, invoiceSummaryFields, showInvoice, showSummary } from '../invoice-fields.ts'
import { invoiceHtml } from '../invoices/html.ts'
import { invoicePdf } from '../invoices/pdf.ts'
import { sheetOf } from '../invoices/sheet.ts'
import { type InvoiceRow, listInvoices, readInvoice } from '../queries/invoices.ts'
import { type Call, ok, route } from '../route.ts'

const invoicePath = z.object({
  invoice_id: z.string().regex(/^(inv|crn)_[0-9a-f]{24}$/, 'is no invoice id'),
})

const currency = z.string().regex(/^[A-Z]{3}$/, 'must be a currency of ISO 4217: USD')

/** Customers of one run: each is worked out in the same transaction. */
const RUN_CUSTOMERS_MAX = 200

export const invoiceRoutes = [
  route({
    method: 'post',
    path: '/v1/invoices',
    summary: 'Drafts the invoice of a customer’s period, or writes the draft that is there anew.',
    description:
      'A draft may be of a period that goes on. `currency` is wanted where the plans of the period are in several: each ' +
      'has an invoice of its own.',
    pathFields: z.object({}),
    queryFields: z.strictObject({}),
    bodyFields: z.strictObject({
      customer: name,
      period_from: instant,
      period_to: instant,
      currency: currency.optional(),
    }),
    answers: { 200: invoiceFields, 201: invoiceFields },
    async handle({ client, tenantId, body, invoicing, now }) {
      const wanted = {
        tenantId,
        customerId: body.customer,
        period: { start: Date.parse(body.period_from), end: Date.parse(body.period_to) },
        currency: body.currency ?? null,
      }
      const { invoiceId, isNew, drafted } = await invoicing.draftInvoice(client, wanted, now)
      const row = await knownInvoice(client, tenantId, invoiceId)
      const shown = showInvoice(row, row.document, drafted.creditNote?.document ?? null)
      return { status: isNew ? 201 : 200, body: shown }
    },
  }),
  route({
    method: 'post',
    path: '/v1/invoices/run',
    summary: 'Drafts what is not invoiced yet of the periods that have ended, of one customer after another.',
    description:
      'Send `cursor` back until it is null. A period that owes nothing has no invoice; drafts that are there are written ' +
      'anew; a customer that cannot be invoiced is listed and keeps no other one waiting.',
    pathFields: z.object({}),
    queryFields: z.strictObject({}),
    bodyFields: z.strictObject({
      period_to: instant.optional().describe('periods that ended by then; default: now'),
      limit: z.int().min(1).max(RUN_CUSTOMERS_MAX).default(RUN_CUSTOMERS_MAX).describe('customers'),
      cursor: z.string().max(2048).optional(),
    }),
    answers: {
      200: z.object({
        data: z.array(invoiceSummaryFields),
        failed: z.array(z.object({ customer: z.string(), code: z.string(), detail: z.string() })),
        next_cursor: z.string().nullable(),
      }),
    },
    async handle({ client, tenantId, body, invoicing, now }) {
      const after = decodeCursor(body.cursor, ['string'])
      const until = Math.min(now.getTime(), Date.parse(body.period_to ?? now.toISOString()))
      const order = { tenantId, until, after: after && String(after[0]), customers: body.limit }
      const { drafts, failed, next } = await invoicing.runInvoices(client, order, now)
      const data = []
      for (const { invoiceId } of drafts)
        data.push(showSummary(await knownInvoice(client, tenantId, invoiceId)))
      return ok({
        data,
        failed: failed.map(({ customer, error }) => ({ customer, code: error.code, detail: error.message })),
        next_cursor: next && encodeCursor([next]),
      })
    },
  }),
  route({
    method: 'get',
    path: '/v1/invoices',
    summary: 'Invoices and credit notes, those of later periods first, without their lines.',
    description: 'A draft shows what it came to when it was last written (`recorded_at`).',
    pathFields: z.object({}),
    queryFields: z.strictObject({
      customer: name.optional(),
      status: z.enum(INVOICE_STATUSES).optional(),
      kind: z.enum(INVOICE_KINDS).optional(),
      ...page,
    }),
    answers: { 200: listOf(invoiceSummaryFields) },
    async handle({ client, tenantId, query }) {
      const after = decodeCursor(query.cursor, ['string', 'string'])
      const { customer = null, status = null, kind = null } = query
      const rows = await listInvoices(
        client,
        tenantId,
        { customer, status, kind },
        { after: after && [String(after[0]), String(after[1])], rows: query.limit + 1 },
      )
      return ok(pageOf(rows, query.limit, (row) => [row.document.period_from, row.invoiceId], showSummary))
    },
  }),
  route({
    method: 'get',
    path: '/v1/invoices/{invoice_id}',
    summary: 'An invoice or credit note.',
    description:
      'A draft is worked out anew. `Accept: text/html` and `application/pdf` give the same to print.',
    pathFields: invoicePath,
    queryFields: z.strictObject({}),
    answers: { 200: invoiceFields },
    forms: ['text/html', 'application/pdf'],
    async handle(call) {
      const { client, tenantId, path, form, now } = call
      const row = await knownInvoice(client, tenantId, path.invoice_id)
      const { document, creditNote } = await documentNow(call, row)
      const sheet = sheetOf(document, row.status)
      if (form === 'text/html') return { status: 200, type: form, body: invoiceHtml(sheet) }
      if (form === 'application/pdf') {
        const madeAt = document.issued_at === null ? now : new Date(document.issued_at)
        return { status: 200, type: form, body: await invoicePdf(sheet, madeAt) }
      }
      return ok(showInvoice(row, document, creditNote))
    },
  }),
  route({
    method: 'get',
    path: '/v1/invoices/{invoice_id}/audit',
    summary: 'Works a finalised invoice out again, and names every difference.',
    description:
      'Lines from the price lines that were rated before the cutoff, periods from what each had come to, counters from ' +
      'their lines, and each event that it stands on, found by its name in any table: rated once more, and assembled ' +
      'once more from its traces and the journal. No difference: it is right to the last digit. `pending` is what is ' +
      'not settled yet, and so was not compared.',
    pathFields: invoicePath,
    queryFields: z.strictObject({}),
    answers: {
      200: z.object({
        invoice_id: z.string(),
        agrees: z.boolean(),
        differences: z.array(z.object({ check: z.string(), found: z.string() })),
        pending: z.array(z.object({ what: z.string(), count: z.number().int() })),
      }),
    },
    async handle({ client, tenantId, path, invoicing, now }) {
      const { invoiceId, status } = await knownInvoice(client, tenantId, path.invoice_id)
      if (status === 'draft')
        throw new AforoError('conflict', 'a draft is worked out anew whenever it is read')
      const { gaps, pending } = await invoicing.auditInvoice(client, tenantId, invoiceId, now)
      return ok({
        invoice_id: invoiceId,
        agrees: gaps.length === 0,
        differences: [...gaps],
        pending: [...pending].map(([what, count]) => ({ what, count })),
      })
    },
  }),
  route({
    method: 'post',
    path: '/v1/invoices/{invoice_id}/finalize',
    summary: 'Finalises a draft: it gets its number, and nothing of it changes from then on.',
    description:
      'Refused while the period goes on, and while revisions of it wait to be rated unless `allow_waiting` is true. ' +
      'What comes later is billed by the next invoice. Changes in favour of the customer that the invoice cannot set ' +
      'off become a credit note beside it (`credit_note_id`).',
    pathFields: invoicePath,
    queryFields: z.strictObject({}),
    bodyFields: z.strictObject({ allow_waiting: z.boolean().default(false) }),
    answers: { 200: invoiceFields.extend({ credit_note_id: z.string().nullable() }) },
    async handle({ client, tenantId, path, body, invoicing, now }) {
      const id = path.invoice_id
      const { creditNoteId } = await invoicing.finalizeInvoice(client, tenantId, id, now, body.allow_waiting)
      for (const each of [id, ...(creditNoteId === null ? [] : [creditNoteId])]) {
        await tell(client, tenantId, await knownInvoice(client, tenantId, each), 'finalized', now)
      }
      const row = await knownInvoice(client, tenantId, id)
      return ok({ ...showInvoice(row, row.document, null), credit_note_id: creditNoteId })
    },
  }),
  route({
    method: 'post',
    path: '/v1/invoices/{invoice_id}/credit-notes',
    summary: 'Gives back at once what an invoice billed too much, without waiting for the next one.',
    description:
      'The note has what the period of the invoice comes to now, less all that was billed of it. Refused (409) where ' +
      'that is nothing, or more than was billed: the next invoice of the customer bills it.',
    pathFields: invoicePath,
    queryFields: z.strictObject({}),
    bodyFields: z.strictObject({}),
    answers: { 201: invoiceFields },
    async handle({ client, tenantId, path, invoicing, now }) {
      const id = await invoicing.creditInvoice(client, tenantId, path.invoice_id, now)
      const row = await knownInvoice(client, tenantId, id)
      await tell(client, tenantId, row, 'finalized', now)
      return { status: 201, body: showInvoice(row, row.document, null) }
    },
  }),
  stepRoute('pay', 'paid', 'Notes that an invoice was paid, or what a credit note owes paid back.'),
  stepRoute(
    'void',
    'voided',
    'Makes an invoice void: it no longer counts, so its period may be invoiced again, by another.',
  ),
  stepRoute('uncollectible', 'uncollectible', 'Gives up on an invoice; it may still be paid or made void.'),
]

function stepRoute(
  step: 'pay' | 'void' | 'uncollectible',
  told: 'paid' | 'voided' | 'uncollectible',
  summary: string,
) {
  return route({
    method: 'post',
    path: `/v1/invoices/{invoice_id}/${step}`,
    summary,
    pathFields: invoicePath,
    queryFields: z.strictObject({}),
    bodyFields: z.strictObject({}),
    answers: { 200: invoiceFields },
    async handle({ client, tenantId, path, invoicing, now }) {
      await invoicing.stepInvoice(client, tenantId, path.invoice_id, step, now)
      const row = await knownInvoice(client, tenantId, path.invoice_id)
      await tell(client, tenantId, row, told, now)
      return ok(showInvoice(row, row.document, null))
    },
  })
}

async function knownInvoice(client: pg.PoolClient, tenantId: string, invoiceId: string): Promise<InvoiceRow> {
  const row = await readInvoice(client, tenantId, invoiceId)
  if (row) return row
  throw new AforoError('not_found', `there is no invoice ${invoiceId}`)
}

async function documentNow(
  { client, tenantId, invoicing }: Pick<Call<unknown, unknown, unknown>, 'client' | 'tenantId' | 'invoicing'>,
  { status, customerId, document }: InvoiceRow,
): Promise<{ readonly document: InvoiceDocument; readonly creditNote: InvoiceDocument | null }> {
  if (status !== 'draft') return { document, creditNote: null }
  const period = { start: Date.parse(document.period_from), end: Date.parse(document.period_to) }
  const { currency } = document
  const { invoice, creditNote } = await invoicing.previewInvoice(client, {
    tenantId,
    customerId,
    period,
    currency,
  })
  return { document: invoice.document, creditNote: creditNote?.document ?? null }
}

async function tell(
  client: pg.PoolClient,
  tenantId: string,
  row: InvoiceRow,
  what: 'finalized' | 'paid' | 'voided' | 'uncollectible',
  now: Date,
): Promise<void> {
  const { lines: _, warnings: _warnings, ...document } = row.document
  await enqueueMessage(client, {
    tenantId,
    type: `invoice.${what}`,
    id: `invoice.${what}:${row.invoiceId}`,
    data: {
      invoice_id: row.invoiceId,
      status: row.status,
      finalized_at: row.finalizedAt && rfc3339OfDatabase(row.finalizedAt),
      ...document,
    },
    now,
  })
}

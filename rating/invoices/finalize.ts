import { createHash, randomUUID } from 'node:crypto'
import type pg from 'pg'
import { canonicalJson } from '../../core/canonical-json.ts'
import { AforoError } from '../../core/errors.ts'
import {
  INVOICE_STEPS,
  type InvoiceDocument,
  type InvoiceStep,
  invoiceNumber,
  mayStep,
} from '../../core/invoice.ts'
import { readCustomerBooks } from './customer-books.ts'
import { type Drafted, lockInvoices, workOut } from './draft.ts'
import { type InvoiceHead, readInvoiceHead } from './head.ts'
import { holdBooks, sealBooks } from './seal.ts'
import { WAITING } from './warnings.ts'
import { nextNumber, writeInvoice } from './write.ts'

const MICROS_PER_MILLI = 1000

/** The hash of what an invoice says. */
export function contentHash(document: InvoiceDocument): string {
  return createHash('sha256').update(canonicalJson(document)).digest('hex')
}

/**
 * Finalises a draft, all of it in the transaction of the client: holds the customer's counters and wallet, takes a
 * cutoff behind everything that moved them, works the invoice out from what is before it, gives it the next number and
 * freezes it. Two at once wait for one another; one that does not come to its end leaves nothing, its number included.
 *
 * @param allowWaiting finalise though revisions of the period wait for their rating: they become late
 * @throws AforoError `conflict` where it is no draft, its period has not ended, or revisions of it wait
 */
export async function finalizeInvoice(
  client: pg.ClientBase,
  tenantId: string,
  invoiceId: string,
  now: Date,
  allowWaiting: boolean,
): Promise<Drafted & { readonly creditNoteId: string | null }> {
  const { customerId, currency, period } = await lockedHead(client, tenantId, invoiceId, 'finalize')
  if (period.end > now.getTime()) {
    throw new AforoError('conflict', `the period goes on until ${new Date(period.end).toISOString()}`)
  }
  const order = { tenantId, customerId, period, currency }
  const books = await readCustomerBooks(client, tenantId, customerId, null)
  const { counters, movedAt } = await holdBooks(client, tenantId, customerId, books, period)
  const closedAt = await lastClosing(client, tenantId, customerId)
  const latest = Math.max(movedAt, books.recordedAt, closedAt)
  const cutoff = Math.max(now.getTime(), Math.floor(latest / MICROS_PER_MILLI) + 1)
  const numbers = new Map<string, string>()
  const numberOf = async (kind: InvoiceDocument['kind']) => {
    const number = await nextNumber(client, tenantId, kind)
    numbers.set(kind, number)
    return invoiceNumber(kind, number)
  }
  const drafted = await workOut(
    client,
    order,
    { books, counters },
    { cutoff, issuedAt: now.getTime(), numberOf },
  )
  const { invoice, creditNote } = drafted
  const waiting = invoice.document.warnings.find(({ kind }) => kind === WAITING)
  if (waiting && !allowWaiting) {
    throw new AforoError(
      'conflict',
      `${waiting.count} revisions of the period wait to be rated; allow_waiting bills them later`,
    )
  }
  await sealBooks(
    client,
    tenantId,
    customerId,
    [...invoice.bills, ...(creditNote?.bills ?? [])],
    cutoff * MICROS_PER_MILLI,
  )
  const at = now.toISOString()
  const write = (id: string, { document, bills }: Drafted['invoice']) => {
    const number = numbers.get(document.kind)!
    const final = { number, contentHash: contentHash(document), finalizedAt: at }
    return writeInvoice(client, { tenantId, invoiceId: id, document, bills, final, recordedAt: at })
  }
  await write(invoiceId, invoice)
  if (creditNote === null) return { ...drafted, creditNoteId: null }
  const creditNoteId = `crn_${randomUUID().replaceAll('-', '').slice(0, 24)}`
  await write(creditNoteId, creditNote)
  return { ...drafted, creditNoteId }
}

/** What says when a step was taken. */
const STEP_COLUMNS = { pay: 'paid_at', void: 'voided_at', uncollectible: 'uncollectible_at' } as const

/**
 * Takes a finalised invoice to another state. What it says stays; a void one no longer counts, so its period may be
 * invoiced again, and what it billed of other periods is late again.
 * @throws AforoError `conflict` where its state does not allow it
 */
export async function stepInvoice(
  client: pg.ClientBase,
  tenantId: string,
  invoiceId: string,
  step: Exclude<InvoiceStep, 'finalize'>,
  now: Date,
): Promise<void> {
  const { customerId } = await lockedHead(client, tenantId, invoiceId, step)
  // Behind every cutoff, so that what counted at a cutoff is known for good.
  const latest = Math.floor((await lastClosing(client, tenantId, customerId)) / MICROS_PER_MILLI) + 1
  const at = step === 'void' ? Math.max(now.getTime(), latest) : now.getTime()
  await client.query(
    `update aforo_store.invoices set status = $3, ${STEP_COLUMNS[step]} = $4 where tenant_id = $1 and invoice_id = $2`,
    [tenantId, invoiceId, INVOICE_STEPS[step].to, new Date(at).toISOString()],
  )
}

/** The customer's invoices are locked before the state is looked at. */
async function lockedHead(
  client: pg.ClientBase,
  tenantId: string,
  invoiceId: string,
  step: InvoiceStep,
): Promise<InvoiceHead> {
  const { customerId } = await readInvoiceHead(client, tenantId, invoiceId)
  await lockInvoices(client, tenantId, customerId)
  const head = await readInvoiceHead(client, tenantId, invoiceId)
  if (mayStep(step, head.status)) return head
  const may = INVOICE_STEPS[step].from.join(' or ')
  throw new AforoError(
    'conflict',
    `invoice ${invoiceId} is ${head.status}: only what is ${may} allows ${step}`,
  )
}

/** When an invoice of the customer was last finalised or made void, microseconds since 1970. */
export async function lastClosing(
  client: pg.ClientBase,
  tenantId: string,
  customerId: string,
): Promise<number> {
  const { rows } = await client.query<{ latest: string }>(
    `select coalesce((extract(epoch from max(greatest(cutoff, voided_at))) * 1000000)::bigint, 0)::text as latest
     from aforo_store.invoices where tenant_id = $1 and customer_id = $2`,
    [tenantId, customerId],
  )
  return Number(rows[0]!.latest)
}

import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'
import { invoiceNumber } from '../../core/invoice.ts'
import { decimalText, ZERO } from '../../core/money.ts'
import { lateOfInvoice } from './bill.ts'
import { readCustomerBooks, readParties } from './customer-books.ts'
import { documentOf } from './document.ts'
import { lockInvoices, zoneOf } from './draft.ts'
import { contentHash, lastClosing } from './finalize.ts'
import { readInvoiceHead } from './head.ts'
import { holdBooks, sealBooks } from './seal.ts'
import { together } from './totals.ts'
import { nextNumber, writeInvoice } from './write.ts'

const MICROS_PER_MILLI = 1000

/**
 * Gives back at once what a finalised invoice billed too much of its period, all of it in the transaction of the client:
 * a credit note that stands alone, with a cutoff and a number of its own. What the period comes to now less all that was
 * billed of it is the one rule, as where the next invoice would have it.
 *
 * @returns the note's id
 * @throws AforoError `not_found`; `conflict` where it is no invoice that counts, or nothing is to be given back
 */
export async function creditInvoice(
  client: pg.ClientBase,
  tenantId: string,
  invoiceId: string,
  now: Date,
): Promise<string> {
  const { customerId } = await readInvoiceHead(client, tenantId, invoiceId)
  await lockInvoices(client, tenantId, customerId)
  const { kind, status, currency, period } = await readInvoiceHead(client, tenantId, invoiceId)
  if (kind !== 'invoice' || status === 'draft' || status === 'void') {
    const what = kind === 'invoice' ? status : 'a credit note'
    throw new AforoError(
      'conflict',
      `invoice ${invoiceId} is ${what}: only a finalised invoice is given back of`,
    )
  }
  const books = await readCustomerBooks(client, tenantId, customerId, null)
  const { counters, movedAt } = await holdBooks(client, tenantId, customerId, books, period)
  const latest = Math.max(movedAt, books.recordedAt, await lastClosing(client, tenantId, customerId))
  const cutoff = Math.max(now.getTime(), Math.floor(latest / MICROS_PER_MILLI) + 1)
  const order = { tenantId, customerId, books, counters, cutoff: cutoff * MICROS_PER_MILLI }
  const late = await lateOfInvoice(client, order, invoiceId, currency)
  if (late === null || !late.change.gross.isNegative()) {
    const more = late === null ? 'what it billed' : `${decimalText(late.change.gross)} more`
    throw new AforoError(
      'conflict',
      `the period of invoice ${invoiceId} comes to ${more}: nothing is to give back`,
    )
  }
  const number = await nextNumber(client, tenantId, 'credit_note')
  const parties = await readParties(client, tenantId, customerId)
  const document = documentOf(
    {
      ...{ kind: 'credit_note', number: invoiceNumber('credit_note', number), beside: null },
      ...{ customer: customerId, parties, currency, period, timezone: zoneOf(books, period) },
      ...{ cutoff, issuedAt: now.getTime(), warnings: [] },
    },
    together({ lines: [], credits: { promo: ZERO, paid: ZERO } }, [late]),
  )
  await sealBooks(client, tenantId, customerId, late.bills, cutoff * MICROS_PER_MILLI)
  const noteId = `crn_${randomUUID().replaceAll('-', '').slice(0, 24)}`
  const at = now.toISOString()
  const final = { number, contentHash: contentHash(document), finalizedAt: at }
  await writeInvoice(client, {
    ...{ tenantId, invoiceId: noteId, document, bills: late.bills, final, recordedAt: at },
  })
  return noteId
}

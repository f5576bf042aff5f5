import type pg from 'pg'
import { draftInvoice, type InvoiceOrder } from '../../rating/invoices/draft.ts'
import { finalizeInvoice } from '../../rating/invoices/finalize.ts'
import type { Period } from '../../rating/period.ts'
import { transaction } from '../../schema/pool.ts'

/** Whom the books are about. */
export const INVOICED = ['acme', 'globex', 'initech'] as const
export const NOVEMBER: Period = {
  start: Date.parse('2026-11-01T00:00:00Z'),
  end: Date.parse('2026-12-01T00:00:00Z'),
}
const DECEMBER = new Date('2026-12-02T00:00:00Z')

export function orderOf(customerId: string, period: Period): InvoiceOrder {
  return { tenantId: 'default', customerId, period, currency: null }
}

/** Invoices November, once everything else is in the books; what still waits is late. */
export async function invoiceBooks(pool: pg.Pool): Promise<void> {
  for (const customerId of INVOICED) {
    await transaction(pool, async (client) => {
      const { invoiceId } = await draftInvoice(client, orderOf(customerId, NOVEMBER), DECEMBER)
      await finalizeInvoice(client, 'default', invoiceId, DECEMBER, true)
    })
  }
}

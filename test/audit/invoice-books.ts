import type pg from 'pg'
import { draftInvoice } from '../../rating/invoices/draft.ts'
import { finalizeInvoice } from '../../rating/invoices/finalize.ts'
import { transaction } from '../../schema/pool.ts'

const NOVEMBER = { start: Date.parse('2026-11-01T00:00:00Z'), end: Date.parse('2026-12-01T00:00:00Z') }
const DECEMBER = new Date('2026-12-02T00:00:00Z')

/** Invoices November, once everything else is in the books; what still waits is late. */
export async function invoiceBooks(pool: pg.Pool): Promise<void> {
  for (const customerId of ['acme', 'globex', 'initech']) {
    await transaction(pool, async (client) => {
      const order = { tenantId: 'default', customerId, period: NOVEMBER, currency: null }
      const { invoiceId } = await draftInvoice(client, order, DECEMBER)
      await finalizeInvoice(client, 'default', invoiceId, DECEMBER, true)
    })
  }
}

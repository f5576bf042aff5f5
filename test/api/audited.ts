import { expect } from 'vitest'
import type { RunningApi } from './start.ts'

/** What the audit of an invoice finds that stands on events which a test stored without spans: all but that it says so. */
export async function foundBeyondSpans(api: RunningApi, invoiceId: string): Promise<readonly string[]> {
  const { status, body } = await api.get(`/v1/invoices/${invoiceId}/audit`)
  expect([status, body.invoice_id]).toEqual([200, invoiceId])
  return body.differences
    .filter(
      ({ found }: { found: string }) =>
        !/belongs to no trace|of an event without spans|^and \d+ more$/.test(found),
    )
    .map(({ check, found }: { check: string; found: string }) => `${check}: ${found}`)
}

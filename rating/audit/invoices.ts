import type pg from 'pg'
import type { AuditReport, AuditScope } from '../../core/audit.ts'
import { askForGaps } from '../../schema/gap-query.ts'
import { pagesOf } from '../../schema/pages.ts'
import { invoiceFaults } from '../invoices/audit.ts'

const PAGE_INVOICES = 100

/** Compares finalised invoices whose period holds some of the time with what they were made of; and their numbers. */
export async function auditInvoices(
  list: pg.PoolClient,
  lane: pg.PoolClient,
  { tenantId, from, to }: AuditScope,
  report: AuditReport,
): Promise<void> {
  await askForGaps(list, { check: 'invoice_numbers', text: NUMBERS, values: [tenantId] }, report)
  const text = `
    select tenant_id, invoice_id, (
      select count(*) from aforo_store.invoice_lines line
      where line.tenant_id = invoice.tenant_id and line.invoice_id = invoice.invoice_id) as lines, (
      select count(*) from aforo_store.invoice_periods bill
      where bill.tenant_id = invoice.tenant_id and bill.invoice_id = invoice.invoice_id) as periods
    from aforo_store.invoices invoice
    where status <> 'draft' and ($1::text is null or tenant_id = $1) and period_to > $2 and period_from < $3
    order by tenant_id, invoice_id`
  const pages = pagesOf<Row>(list, text, [tenantId, from, to], PAGE_INVOICES)
  for await (const page of pages) {
    for (const { tenant_id: tenant, invoice_id: id, lines, periods } of page) {
      report.count('invoices', 1)
      report.count('invoice_numbers', 1)
      report.count('invoice_lines', Number(lines))
      report.count('invoice_periods', Number(periods))
      for (const { check, found } of await invoiceFaults(lane, tenant, id)) {
        report.gap(check, { kind: 'invoice', tenantId: tenant, id, found })
      }
    }
  }
}

interface Row {
  readonly tenant_id: string
  readonly invoice_id: string
  readonly lines: string
  readonly periods: string
}

/** Each series is numbered from 1 to its last number. */
const NUMBERS = `
  select 'series' as kind, tenant_id, kind as id,
    format('gave %s numbers, from %s to %s, and the last is %s', given, coalesce(first, 0), coalesce(newest, 0),
      coalesce(last_number, 0)) as found
  from (
    select tenant_id, kind, count(*) as given, min(number) as first, max(number) as newest
    from aforo_store.invoices where number is not null group by tenant_id, kind) numbered
  full join aforo_store.invoice_series using (tenant_id, kind)
  where ($1::text is null or tenant_id = $1)
    and (given is distinct from last_number or newest is distinct from last_number or first is distinct from 1)`

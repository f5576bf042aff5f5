import type pg from 'pg'
import { type AuditedEvent, AuditReport, type AuditScope } from '../../core/audit.ts'
import { pagesOf } from '../../schema/pages.ts'
import { timeRange } from '../claim.ts'
import { invoiceFaults } from '../invoices/audit.ts'
import { auditEvents } from './audit.ts'
import { auditCountersOf } from './counters.ts'
import { auditDebits } from './debits.ts'
import { auditLedger } from './ledger.ts'
import { auditPlans } from './plans.ts'
import { auditSums } from './sums.ts'

/** Something that an invoice, or what it stands on, is not. */
export interface InvoiceGap {
  readonly check: string
  readonly found: string
}

/** What an audit of an invoice found; `pending` is what is not settled yet, by what it is. */
export interface InvoiceAudit {
  readonly gaps: readonly InvoiceGap[]
  readonly pending: ReadonlyMap<string, number>
}

/** Assembles the events that a scope names anew from the journal and compares: the receiver's half of an audit. */
export type AuditUsage = (client: pg.PoolClient, scope: AuditScope, report: AuditReport) => Promise<void>

/**
 * Works a finalised invoice out again from the rated lines before its cutoff; then looks at what these stand on: the
 * counters it bills, the plans and the wallet of its customer, and event by event the ratings, the revisions, the traces
 * and the journal. Runs in one snapshot. Long periods take long.
 */
export async function auditInvoice(
  auditUsage: AuditUsage,
  client: pg.PoolClient,
  tenantId: string,
  invoiceId: string,
  now: Date,
): Promise<InvoiceAudit> {
  await client.query('set local statement_timeout = 0')
  const faults = await invoiceFaults(client, tenantId, invoiceId)
  const report = new AuditReport()
  const billed = await readBilledTime(client, tenantId, invoiceId)
  const { customer, from, to } = billed
  await auditCountersOf(client, { tenantId, from, to }, invoiceId, report)
  await auditPlans(client, { tenantId }, report, customer)
  await auditLedger(client, { tenantId }, report, customer)
  const pages = pagesOf<AuditedEvent & pg.QueryResultRow>(client, EVENTS, valuesOf(billed), PAGE_EVENTS)
  for await (const events of pages) {
    const [first, last] = timeRange(events)
    const scope = { tenantId, from: first, to: last, events }
    await auditUsage(client, scope, report)
    await auditSums(client, scope, report)
    await auditDebits(client, scope, report)
    await auditEvents({ list: client, lanes: [client] }, scope, now, report)
  }
  return { gaps: [...faults, ...gapsOf(report)], pending: report.pendings }
}

/** The first gaps of each check, and how many more there are. */
function gapsOf(report: AuditReport): readonly InvoiceGap[] {
  return report.results.flatMap(({ check, result: { gaps, gapCount } }) => {
    const told = gaps.map(({ kind, id, found }) => ({ check, found: `${kind} ${id}: ${found}` }))
    const more = gapCount - gaps.length
    return more === 0 ? told : [...told, { check, found: `and ${more} more` }]
  })
}

const PAGE_EVENTS = 200

/**
 * The events an invoice stands on, by any name that leads from it to them: those that were ever rated in what it bills,
 * late periods included, and those that say they are its customer's, in its own period.
 */
const EVENTS = `
  select event_id as "eventId", time::text as time from (
    select event_id, time from aforo_store.ratings
    where tenant_id = $1 and time >= $5::timestamptz and time < $6::timestamptz
      and (subscription_id, period_start) in (
        select subscription_id, period_start from aforo_store.invoice_periods where tenant_id = $1 and invoice_id = $2)
    union
    select event_id, time from aforo_store.events
    where tenant_id = $1 and customer_id = $3 and time >= $4::timestamptz and time < $7::timestamptz) stands_on
  order by stands_on.time, event_id`

/** Whose invoice, of what time: its own period, and all that it bills. Instants as the database writes them. */
interface BilledTime {
  readonly tenantId: string
  readonly invoiceId: string
  readonly customer: string
  readonly periodFrom: string
  readonly periodTo: string
  readonly from: string
  readonly to: string
}

function valuesOf(billed: BilledTime): readonly string[] {
  const { tenantId, invoiceId, customer, periodFrom, periodTo, from, to } = billed
  return [tenantId, invoiceId, customer, periodFrom, from, to, periodTo]
}

/** No period of a subscription is longer than 32 days. */
async function readBilledTime(
  client: pg.PoolClient,
  tenantId: string,
  invoiceId: string,
): Promise<BilledTime> {
  const { rows } = await client.query<Omit<BilledTime, 'tenantId' | 'invoiceId'>>(
    `select customer_id as customer, period_from::text as "periodFrom", period_to::text as "periodTo",
       least(period_from, first)::text as "from", greatest(period_to, last + interval '32 days')::text as "to"
     from aforo_store.invoices, lateral (
       select min(period_start) as first, max(period_start) as last from aforo_store.invoice_periods bill
       where bill.tenant_id = $1 and bill.invoice_id = $2) billed
     where tenant_id = $1 and invoice_id = $2`,
    [tenantId, invoiceId],
  )
  return { tenantId, invoiceId, ...rows[0]! }
}

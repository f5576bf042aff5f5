import type pg from 'pg'
import type { AuditReport, AuditScope } from '../../core/audit.ts'
import { pagesOf } from '../../schema/pages.ts'
import { boundaryAt } from '../ledger/recurring.ts'
import { BOUNDARIES_MAX, readRules } from '../ledger/refill.ts'
import { readPosted, readSubscribed } from '../ledger/refills.ts'

const PAGE_ROWS = 500

interface CustomerRow {
  readonly tenant_id: string
  readonly customer_id: string
  readonly due_at: string | null
  readonly began_at: string
}

/**
 * Goes through the starts of periods of every customer who was ever on a plan with recurring grants: those before the
 * one that is due have theirs, and what is due next is one of them.
 *
 * @param lane a connection beside the one that keeps its place in the list
 */
export async function auditRecurring(
  list: pg.PoolClient,
  lane: pg.PoolClient,
  { tenantId }: AuditScope,
  now: Date,
  report: AuditReport,
): Promise<void> {
  let due = 0
  for await (const customers of pagesOf<CustomerRow & pg.QueryResultRow>(
    list,
    CUSTOMERS,
    [tenantId],
    PAGE_ROWS,
  )) {
    report.count('recurring_grants', customers.length)
    for (const customer of customers) if (await auditCustomer(lane, customer, now, report)) due++
  }
  report.pending('customers with recurring grants to be made', due)
}

/** @returns whether something is due and not made yet */
async function auditCustomer(
  client: pg.PoolClient,
  row: CustomerRow,
  now: Date,
  report: AuditReport,
): Promise<boolean> {
  const key = { tenantId: row.tenant_id, customerId: row.customer_id }
  const gap = (found: string) =>
    report.gap('recurring_grants', { kind: 'customer', tenantId: key.tenantId, id: key.customerId, found })
  const dueAt = row.due_at === null ? null : Number(row.due_at)
  if (dueAt === null) {
    gap('is on a plan with recurring grants, and nobody looks for them')
    return false
  }
  const subscriptions = await readSubscribed(client, key)
  const rulesAt = await readRules(client, key.tenantId, subscriptions)
  const expected: string[] = []
  let at: number | null = Number(row.began_at)
  for (
    let steps = 0;
    at !== null && at < dueAt && at <= now.getTime() * 1000 && steps < BOUNDARIES_MAX;
    steps++
  ) {
    const { current, next } = boundaryAt(subscriptions, at)
    for (const { name } of current === null ? [] : rulesAt(current, at)) {
      expected.push(`refill:${current!.subscriptionId}:${name}:${at}`)
    }
    at = next
  }
  const posted = await readPosted(client, key, expected)
  for (const name of expected) if (!posted.has(name)) gap(`has no grant ${name}`)
  if (at !== null && at !== dueAt && dueAt !== Number.POSITIVE_INFINITY) {
    gap(`is looked at next at ${told(dueAt)}, and a period starts at ${told(at)}`)
  }
  return dueAt <= now.getTime() * 1000
}

function told(micros: number): string {
  return new Date(micros / 1000).toISOString()
}

/** An instant without end is no number that a bigint could hold. */
const micros = (column: string) => `(extract(epoch from ${column}) * 1000000)::text`

const CUSTOMERS = `
  with granting as (
    select distinct tenant_id, plan_id from aforo_store.plan_versions
    where ($1::text is null or tenant_id = $1) and jsonb_array_length(coalesce(body -> 'grants', '[]')) > 0
  ), began as (
    select tenant_id, customer_id, min(effective_from) as began_at from aforo_store.subscriptions
    where (tenant_id, customer_id) in (
      select tenant_id, customer_id from aforo_store.subscriptions join granting using (tenant_id, plan_id))
    group by tenant_id, customer_id
  )
  select tenant_id, customer_id, ${micros('due_at')} as due_at, ${micros('began_at')} as began_at
  from began left join aforo_store.credit_refills using (tenant_id, customer_id)
  order by tenant_id, customer_id`

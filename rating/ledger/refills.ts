import type pg from 'pg'
import { Decimal } from '../../core/money.ts'
import { instantText, microsOf } from '../../schema/instant.ts'
import type { WalletKey } from '../../schema/ledger/wallet.ts'
import { nameOf } from '../name.ts'
import type { Subscribed } from './recurring.ts'

/** What the database knows of recurring grants. Instants are microseconds since 1970. */

/** Which wallets have a start of a period by now that was not gone through. */
export async function readDueOf(
  client: pg.ClientBase,
  keys: readonly WalletKey[],
  now: Date,
): Promise<(key: WalletKey) => number | null> {
  const { rows } = await client.query<{ tenant_id: string; customer_id: string; due_at: string }>({
    name: 'ledger-refills-due',
    text: `select tenant_id, customer_id, ${microsOf('due_at')} as due_at
     from unnest($1::text[], $2::text[]) as key (tenant_id, customer_id)
     join aforo_store.credit_refills using (tenant_id, customer_id)
     where due_at <= $3`,
    values: [keys.map((key) => key.tenantId), keys.map((key) => key.customerId), now.toISOString()],
  })
  const due = new Map(rows.map((row) => [nameOf(row.tenant_id, row.customer_id), Number(row.due_at)]))
  return ({ tenantId, customerId }) => due.get(nameOf(tenantId, customerId)) ?? null
}

/** Customers that are due, the longest waiting first. */
export async function readDue(pool: pg.Pool, now: Date, max: number): Promise<readonly WalletKey[]> {
  const { rows } = await pool.query<WalletKey & pg.QueryResultRow>(
    `select tenant_id as "tenantId", customer_id as "customerId" from aforo_store.credit_refills
     where due_at <= $1 and (not_before is null or not_before <= $1)
     order by due_at limit $2`,
    [now.toISOString(), max],
  )
  return rows
}

/** All subscriptions of a customer, the one that takes precedence first. */
export async function readSubscribed(
  client: pg.ClientBase,
  { tenantId, customerId }: WalletKey,
): Promise<readonly Subscribed[]> {
  const { rows } = await client.query<Omit<Subscribed, 'effectiveFrom'> & { from: string }>(
    `select subscription_id::text as "subscriptionId", plan_id as "planId", timezone, anchor_day as "anchorDay",
       ${microsOf('effective_from')} as from
     from aforo_store.subscriptions where tenant_id = $1 and customer_id = $2
     order by effective_from desc, recorded_at desc, subscription_id desc`,
    [tenantId, customerId],
  )
  return rows.map(({ from, ...row }) => ({ ...row, effectiveFrom: Number(from) }))
}

/** Those of some keys that the ledger of a customer has. */
export async function readPosted(
  client: pg.ClientBase,
  { tenantId, customerId }: WalletKey,
  keys: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ idempotency_key: string }>(
    `select idempotency_key from aforo_store.credit_transactions
     where tenant_id = $1 and customer_id = $2 and idempotency_key = any($3)`,
    [tenantId, customerId, keys],
  )
  return new Set(rows.map((row) => row.idempotency_key))
}

/** When the period began of which a rule's grant ends at an instant; null where there is none. */
export async function readEndedStart(
  client: pg.ClientBase,
  { tenantId, customerId }: WalletKey,
  rule: string,
  end: number,
): Promise<number | null> {
  const { rows } = await client.query<{ start: string | null }>(
    `select ${microsOf('max(period_start)')} as start from aforo_store.credit_grants
     where tenant_id = $1 and customer_id = $2 and rule = $3 and expires_at = $4`,
    [tenantId, customerId, rule, instantText(end)],
  )
  return rows[0]?.start ? Number(rows[0].start) : null
}

/** Overage of usage of a time, less what was given back or paid of it. */
export async function readOverage(
  client: pg.ClientBase,
  { tenantId, customerId }: WalletKey,
  from: number,
  to: number,
): Promise<Decimal> {
  const { rows } = await client.query<{ overage: string }>(
    `select coalesce(sum(case when source = 'overage' then amount else -amount end), 0)::text as overage
     from aforo_store.credit_transactions transaction
     join aforo_store.credit_postings posting using (tenant_id, customer_id, transaction_no)
     where tenant_id = $1 and customer_id = $2 and 'overage' in (source, destination)
       and transaction.kind in ('usage', 'correction')
       and effective_at >= $3 and effective_at < $4`,
    [tenantId, customerId, instantText(from), instantText(to)],
  )
  return new Decimal(rows[0]!.overage)
}

/** Unless somebody moved it since it was read. `to` null: no further start is to come. */
export async function moveOn(
  client: pg.ClientBase,
  { tenantId, customerId }: WalletKey,
  from: number,
  to: number | null,
): Promise<void> {
  await client.query(
    `update aforo_store.credit_refills set due_at = $4, not_before = null
     where tenant_id = $1 and customer_id = $2 and due_at = $3`,
    [tenantId, customerId, instantText(from), to === null ? 'infinity' : instantText(to)],
  )
}

/** One that cannot be made now is not in the way of the others. */
export async function putOff(pool: pg.Pool, { tenantId, customerId }: WalletKey, until: Date): Promise<void> {
  await pool.query(
    `update aforo_store.credit_refills set not_before = $3 where tenant_id = $1 and customer_id = $2`,
    [tenantId, customerId, until.toISOString()],
  )
}

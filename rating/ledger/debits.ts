import type pg from 'pg'
import type { CreditAccount, Debit } from '../../core/credits.ts'
import { Decimal, ZERO } from '../../core/money.ts'
import type { WalletKey } from '../../schema/ledger/wallet.ts'
import { nameOf } from '../name.ts'

/** An event in a wallet. */
export interface EventKey extends WalletKey {
  readonly eventId: string
  readonly revision: number
}

/** Entries that one correction looks back over; what is taken back beyond them lowers the overage. */
export const DEBITS_MAX = 1_000

/** What the ledger holds of events by now: credits debited less those given back. The wallets are locked. */
export async function readBookedCredits(
  client: pg.PoolClient,
  keys: readonly EventKey[],
): Promise<(key: EventKey) => Decimal> {
  const later = keys.filter(({ revision }) => revision > 0)
  if (later.length === 0) return () => ZERO
  const { rows } = await client.query<EventRow & { credits: string }>(
    `select key.tenant_id, key.customer_id, key.event_id,
       sum(case when posting.destination = 'usage' then posting.amount else -posting.amount end)::text as credits
     from ${EVENT_KEYS}
     join aforo_store.credit_transactions transaction using (tenant_id, customer_id, event_id)
     join aforo_store.credit_postings posting
       on posting.tenant_id = transaction.tenant_id and posting.customer_id = transaction.customer_id
       and posting.transaction_no = transaction.transaction_no
     group by 1, 2, 3`,
    columnsOf(later),
  )
  const booked = new Map(rows.map((row) => [rowName(row), new Decimal(row.credits)]))
  return (key) => booked.get(keyName(key)) ?? ZERO
}

/** Hashes of what was posted for these very revisions. */
export async function readKeys(
  client: pg.PoolClient,
  keys: readonly EventKey[],
): Promise<(key: EventKey) => string | undefined> {
  const { rows } = await client.query<EventRow & { revision: number; content_hash: string }>(
    `select transaction.tenant_id, transaction.customer_id, transaction.event_id, transaction.revision,
       transaction.content_hash
     from unnest($1::text[], $2::text[], $3::text[]) as key (tenant_id, customer_id, idempotency_key)
     join aforo_store.credit_transactions transaction using (tenant_id, customer_id, idempotency_key)`,
    [...columnsOf(keys).slice(0, 2), keys.map(({ eventId, revision }) => `event:${eventId}#${revision}`)],
  )
  const hashes = new Map(rows.map((row) => [nameOf(rowName(row), row.revision), row.content_hash]))
  return (key) => hashes.get(nameOf(keyName(key), key.revision))
}

/**
 * Entries of usage that are not wholly taken back, in the order they were recorded in: the latest `DEBITS_MAX`.
 * @param eventId only this event's; null: any
 */
export async function readDebits(
  client: pg.PoolClient,
  { tenantId, customerId }: WalletKey,
  eventId: string | null,
): Promise<readonly Debit[]> {
  const { rows } = await client.query<{ entry_no: string; source: CreditAccount; left_over: string }>(
    `with debits as (
       select posting.entry_no, posting.source, posting.amount - coalesce((
           select sum(taken.amount) from aforo_store.credit_postings taken
           where taken.tenant_id = $1 and taken.customer_id = $2 and taken.reverses = posting.entry_no), 0) as left_over
       from aforo_store.credit_postings posting
       where posting.tenant_id = $1 and posting.customer_id = $2 and posting.destination = 'usage'
         and ($3::text is null or posting.transaction_no in (
           select transaction_no from aforo_store.credit_transactions
           where tenant_id = $1 and customer_id = $2 and event_id = $3))
     )
     select entry_no::text as entry_no, source, left_over::text as left_over
     from debits where left_over > 0
     order by debits.entry_no desc
     limit $4`,
    [tenantId, customerId, eventId, DEBITS_MAX],
  )
  return rows
    .map((row) => ({ entryNo: Number(row.entry_no), source: row.source, left: new Decimal(row.left_over) }))
    .reverse()
}

interface EventRow {
  readonly tenant_id: string
  readonly customer_id: string
  readonly event_id: string
}

const EVENT_KEYS = 'unnest($1::text[], $2::text[], $3::text[]) as key (tenant_id, customer_id, event_id)'

function columnsOf(keys: readonly EventKey[]): unknown[] {
  return [keys.map((key) => key.tenantId), keys.map((key) => key.customerId), keys.map((key) => key.eventId)]
}

function rowName(row: EventRow): string {
  return nameOf(row.tenant_id, row.customer_id, row.event_id)
}

function keyName(key: EventKey): string {
  return nameOf(key.tenantId, key.customerId, key.eventId)
}

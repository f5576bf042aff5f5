import type pg from 'pg'
import type { GrantKind } from '../../core/credits.ts'

/** A grant as of an instant; times as the database writes them, amounts as `numeric`. */
export interface GrantRow {
  readonly grantId: string
  readonly kind: GrantKind
  readonly amount: string
  readonly remaining: string
  readonly priority: number
  readonly effectiveAt: string | null
  readonly expiresAt: string | null
  readonly recordedAt: string
  /** Whether it pays for usage of the instant. */
  readonly usable: boolean
}

/** What the accounts of a customer held at an instant. */
export interface CreditSums {
  readonly issued: string
  readonly used: string
  readonly overage: string
  readonly expired: string
}

/**
 * Grants with credits left at an instant, by what was recorded until `knownAt`, in the order in which they burn; those
 * that were to expire by then count as expired.
 */
export async function readGrantsAt(
  client: pg.PoolClient,
  tenantId: string,
  customerId: string,
  at: string,
  knownAt: string,
): Promise<readonly GrantRow[]> {
  const { rows } = await client.query<GrantRow>(
    `with ${MOVED}, held as (select account, sum(amount) as remaining from moved group by account)
     select granted.grant_id::text as "grantId", granted.kind, granted.amount::text as amount,
       held.remaining::text as remaining, granted.priority, granted.effective_at::text as "effectiveAt",
       granted.expires_at::text as "expiresAt", granted.recorded_at::text as "recordedAt",
       granted.effective_at is null or granted.effective_at <= $3 as usable
     from held
     join aforo_store.credit_grants granted
       on granted.tenant_id = $1 and granted.customer_id = $2 and 'grant:' || granted.grant_id = held.account
     left join aforo_store.credit_voids voided
       on voided.tenant_id = granted.tenant_id and voided.grant_id = granted.grant_id and voided.recorded_at <= $4
     where held.remaining > 0 and voided.grant_id is null and (granted.expires_at is null or granted.expires_at > $3)
     order by granted.priority, granted.expires_at nulls last, granted.kind = 'paid',
       coalesce(granted.effective_at, granted.recorded_at), granted.recorded_at, granted.grant_id`,
    [tenantId, customerId, at, knownAt],
  )
  return rows
}

/** Sums of a customer's accounts at an instant; what was to expire by then counts as expired, booked or not. */
export async function readCreditSums(
  client: pg.PoolClient,
  tenantId: string,
  customerId: string,
  at: string,
  knownAt: string,
): Promise<CreditSums> {
  const { rows } = await client.query<CreditSums>(
    `with ${MOVED}
     select coalesce(-sum(amount) filter (where account = 'issued'), 0)::text as issued,
       coalesce(sum(amount) filter (where account = 'usage'), 0)::text as used,
       coalesce(-sum(amount) filter (where account = 'overage'), 0)::text as overage,
       coalesce(sum(amount) filter (where account like 'breakage:%' or exists (
         select from aforo_store.credit_grants granted
         where granted.tenant_id = $1 and granted.customer_id = $2 and 'grant:' || granted.grant_id = account
           and granted.expires_at <= $3)), 0)::text as expired
     from moved`,
    [tenantId, customerId, at, knownAt],
  )
  return rows[0]!
}

const MOVED = `postings as (
    select source, destination, amount from aforo_store.credit_postings
    where tenant_id = $1 and customer_id = $2 and recorded_at <= $4
  ), moved as (
    select source as account, sum(-amount) as amount from postings group by source
    union all
    select destination, sum(amount) from postings group by destination
  )`

/** An entry of a ledger with what it is about. */
export interface EntryRow {
  readonly entryNo: string
  readonly entryId: string
  readonly transactionNo: string
  readonly source: string
  readonly destination: string
  readonly amount: string
  readonly balance: string
  readonly reverses: string | null
  readonly effectiveAt: string
  readonly recordedAt: string
  readonly eventId: string | null
  readonly revision: number | null
  readonly traceId: string | null
  readonly spanIds: readonly string[] | null
}

/** Entries of a customer, the newest first. */
export async function readEntries(
  client: pg.PoolClient,
  tenantId: string,
  customerId: string,
  page: { before: number | null; rows: number },
): Promise<readonly EntryRow[]> {
  const { rows } = await client.query<EntryRow>(
    `select posting.entry_no::text as "entryNo", posting.entry_id as "entryId",
       posting.transaction_no::text as "transactionNo", posting.source, posting.destination,
       posting.amount::text as amount, posting.balance::text as balance, reversed.entry_id as reverses,
       transaction.effective_at::text as "effectiveAt", posting.recorded_at::text as "recordedAt",
       transaction.event_id as "eventId", transaction.revision, encode(event.trace_id, 'hex') as "traceId",
       case when event.event_id is not null then coalesce(lines.span_ids, event.span_ids) end as "spanIds"
     from aforo_store.credit_postings posting
     join aforo_store.credit_transactions transaction using (tenant_id, customer_id, transaction_no)
     left join aforo_store.credit_postings reversed
       on reversed.tenant_id = posting.tenant_id and reversed.customer_id = posting.customer_id
       and reversed.entry_no = posting.reverses
     left join lateral (
       select event_id, trace_id,
         array(select jsonb_array_elements_text(coalesce(assembly->'spanIds', '[]'))) as span_ids
       from aforo_store.events event
       where event.tenant_id = transaction.tenant_id and event.event_id = transaction.event_id
         and event.revision = transaction.revision and event.time = transaction.event_time) event on true
     left join lateral (
       -- The spans that this revision's costs are about; where it has none, those of the trace.
       select array_agg(distinct encode(span_id, 'hex') order by encode(span_id, 'hex')) as span_ids
       from aforo_store.cost_lines line cross join unnest(line.span_ids) as span_id
       where line.tenant_id = transaction.tenant_id and line.event_id = transaction.event_id
         and line.revision = transaction.revision and line.time = transaction.event_time) lines on true
     where posting.tenant_id = $1 and posting.customer_id = $2
       and ($3::bigint is null or posting.entry_no < $3)
     order by posting.entry_no desc
     limit $4`,
    [tenantId, customerId, page.before, page.rows],
  )
  return rows
}

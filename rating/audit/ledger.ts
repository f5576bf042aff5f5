import type pg from 'pg'
import type { AuditReport, AuditScope } from '../../core/audit.ts'
import { askForGaps, countRows } from '../../schema/gap-query.ts'

/**
 * Looks at the ledger afresh: entries with one another, and accounts with entries. Summed up in SQL without the code that
 * posts. A ledger has no part of time: all of each customer's is looked at.
 * @param customer only that of this one
 */
export async function auditLedger(
  client: pg.PoolClient,
  { tenantId }: Pick<AuditScope, 'tenantId'>,
  report: AuditReport,
  customer: string | null = null,
): Promise<void> {
  const all = [tenantId, customer]
  await countRows(client, 'ledger_entries', countOf('credit_postings'), all, report)
  await askForGaps(client, { check: 'ledger_entries', text: ENTRIES, values: all }, report)
  await askForGaps(client, { check: 'ledger_entries', text: TRANSACTIONS, values: all }, report)
  await countRows(client, 'ledger_accounts', countOf('credit_balances'), all, report)
  await askForGaps(client, { check: 'ledger_accounts', text: ACCOUNTS, values: all }, report)
  await askForGaps(client, { check: 'ledger_accounts', text: GRANTS, values: all }, report)
  await askForGaps(client, { check: 'ledger_debits', text: EVENTLESS, values: all }, report)
}

/** Looks at requests for credits, and tells as pending what waits to be taken back. */
export async function auditTopUps(
  client: pg.PoolClient,
  { tenantId }: AuditScope,
  now: Date,
  report: AuditReport,
): Promise<void> {
  const all = [tenantId, null]
  await countRows(client, 'top_ups', countOf('credit_top_up_requests'), all, report)
  await askForGaps(client, { check: 'top_ups', text: TOP_UPS, values: all }, report)
  const { rows } = await client.query<{ count: string }>(TO_EXPIRE, [...all, now.toISOString()])
  report.pending('grants to expire or to be taken back', Number(rows[0]!.count))
}

const OF_WALLET = '($1::text is null or tenant_id = $1) and ($2::text is null or customer_id = $2)'
const countOf = (table: string) => `select count(*) from aforo_store.${table} where ${OF_WALLET}`

/** JSON of a text as JavaScript writes it. */
const json = (column: string) => `to_json(${column})::text`
const hash = (text: string) => `encode(sha256(convert_to(${text}, 'UTF8')), 'hex')`

/** Numbered without a gap, each with the balance after it, none recorded before an earlier one, each id right. */
const ENTRIES = `
  with running as (
    select tenant_id, customer_id, entry_no, entry_id, balance, posting.recorded_at, source, destination, amount, reverses,
      row_number() over ledger as place, lag(posting.recorded_at) over ledger as before,
      sum(case when destination like 'grant:%' then amount else 0 end
        - case when source like 'grant:%' then amount else 0 end) over ledger as held
    from aforo_store.credit_postings posting where ${OF_WALLET}
    window ledger as (partition by tenant_id, customer_id order by entry_no)
  ), heads as (
    select tenant_id, customer_id, max(entry_no) as entries, max(recorded_at) as recorded_at from running group by 1, 2
  ), returned as (
    select tenant_id, customer_id, reverses as entry_no, sum(amount) as amount,
      min(destination) as least_source, max(destination) as most_source
    from running where reverses is not null group by 1, 2, 3
  )
  select 'entry' as kind, tenant_id, customer_id || '/' || entry_no as id,
    case when place <> entry_no then format('is the %sth of its ledger', place)
      when held <> balance then format('has a balance of %s after it, and grants hold %s', trim_scale(balance), trim_scale(held))
      when before > recorded_at then 'was recorded before the one before it'
      else 'has an id that is not its own' end as found
  from running
  where place <> entry_no or held <> balance or before > recorded_at or entry_id <> 'ent_' || left(
    ${hash(`'[' || ${json('tenant_id')} || ',' || ${json('customer_id')} || ',' || entry_no || ']'`)}, 24)
  union all
  select 'wallet', tenant_id, customer_id,
    format('counts %s entries, and the ledger has %s', coalesce(wallet.entries, 0), coalesce(heads.entries, 0))
  from (select * from aforo_store.credit_wallets where ${OF_WALLET}) wallet
  full join heads using (tenant_id, customer_id)
  -- The clock of a wallet is that of its last entry, or of the last invoice that was made of it.
  left join (
    select tenant_id, customer_id, max(cutoff) as cutoff from aforo_store.invoices where ${OF_WALLET}
    group by 1, 2) invoiced using (tenant_id, customer_id)
  where coalesce(wallet.entries, 0) <> coalesce(heads.entries, 0)
    or wallet.recorded_at is distinct from greatest(heads.recorded_at, invoiced.cutoff)
  union all
  select 'entry', tenant_id, customer_id || '/' || entry_no,
    case when posting.entry_no is null or posting.destination <> 'usage' then 'is taken back, and is no debit'
      when returned.amount > posting.amount
        then format('is %s, and %s of it were given back', trim_scale(posting.amount), trim_scale(returned.amount))
      else 'was given back to where it did not come from' end
  from returned left join running posting using (tenant_id, customer_id, entry_no)
  where posting.destination is distinct from 'usage' or returned.amount > posting.amount
    or least_source <> posting.source or most_source <> posting.source`

/** What happened says what its hash was taken of, and has entries: the ones that were numbered for it. */
const TRANSACTIONS = `
  with posted as (
    select tenant_id, customer_id, transaction_no, min(entry_no) as first, max(entry_no) - min(entry_no) + 1 as span,
      count(*) as entries, sum(amount) as amount, min(recorded_at) as since, max(recorded_at) as until
    from aforo_store.credit_postings where ${OF_WALLET} group by 1, 2, 3
  )
  select 'transaction' as kind, tenant_id, customer_id || '/' || transaction_no as id,
    case when posted.entries is null then 'has no entries'
      when first <> transaction_no or span <> entries then 'is not numbered by its entries'
      when since <> told.recorded_at or until <> told.recorded_at then 'was not recorded with its entries'
      else 'says something else than its hash was taken of' end as found
  from (select * from aforo_store.credit_transactions where ${OF_WALLET}) told
  left join posted using (tenant_id, customer_id, transaction_no)
  where posted.entries is null or first <> transaction_no or span <> entries
    or since <> told.recorded_at or until <> told.recorded_at
    or content_hash <> ${hash(
      `'[' || ${json('kind')} || ',' || (extract(epoch from effective_at) * 1000000)::bigint || ','
       || coalesce(${json('event_id')}, 'null') || ',' || coalesce(revision::text, 'null') || ','
       || ${json('trim_scale(amount)::text')} || ']'`,
    )}
    or idempotency_key is distinct from case
      when kind in ('usage', 'correction') then 'event:' || event_id || '#' || revision else idempotency_key end`

/** Accounts against the entries, one by one; together they come to nothing. */
const ACCOUNTS = `
  with moved as (
    select tenant_id, customer_id, account, sum(input) as input, sum(output) as output
    from (
      select tenant_id, customer_id, source as account, 0 as input, amount as output
      from aforo_store.credit_postings where ${OF_WALLET}
      union all
      select tenant_id, customer_id, destination, amount, 0 from aforo_store.credit_postings where ${OF_WALLET}) both_ends
    group by 1, 2, 3
  )
  select 'account' as kind, tenant_id, customer_id || '/' || account as id,
    format('holds %s − %s, and its entries come to %s − %s', trim_scale(coalesce(held.input, 0)),
      trim_scale(coalesce(held.output, 0)), trim_scale(coalesce(moved.input, 0)), trim_scale(coalesce(moved.output, 0)))
      as found
  from (select * from aforo_store.credit_balances where ${OF_WALLET}) held
  full join moved using (tenant_id, customer_id, account)
  where held.input is distinct from moved.input or held.output is distinct from moved.output
  union all
  select 'wallet', tenant_id, customer_id, format('is out of balance by %s', trim_scale(sum(input - output)))
  from aforo_store.credit_balances where ${OF_WALLET}
  group by tenant_id, customer_id having sum(input - output) <> 0`

/** A grant got its amount when it was made, gives no more than it has, and is looked for when it ends. */
const GRANTS = `
  with made as (
    select tenant_id, customer_id, destination as account, sum(amount) as amount
    from aforo_store.credit_postings
    join aforo_store.credit_transactions transaction using (tenant_id, customer_id, transaction_no)
    where ${OF_WALLET} and transaction.kind in ('grant', 'rollover')
      and destination like 'grant:%'
    group by 1, 2, 3
  ), granted as (
    select granted.*, 'grant:' || granted.grant_id as account, voided.recorded_at as voided_at
    from (select * from aforo_store.credit_grants where ${OF_WALLET}) granted
    left join aforo_store.credit_voids voided using (tenant_id, grant_id)
  )
  select 'grant' as kind, tenant_id, coalesce(granted.grant_id::text, substring(account from 7)) as id,
    case when granted.grant_id is null then 'has an account, and was never made'
      when made.amount is distinct from granted.amount
        then format('is of %s, and got %s', trim_scale(granted.amount), trim_scale(coalesce(made.amount, 0)))
      when held.input < held.output then 'gave more than it had'
      else 'does not end when its account is looked for' end as found
  from granted
  full join (
    select * from aforo_store.credit_balances where ${OF_WALLET} and account like 'grant:%') held
    using (tenant_id, customer_id, account)
  left join made using (tenant_id, customer_id, account)
  where granted.grant_id is null or made.amount is distinct from granted.amount or held.input < held.output
    or held.expires_at is distinct from least(granted.expires_at, granted.voided_at)
  union all
  select 'grant', tenant_id, substring(source from 7), 'was taken back, and is not void'
  from aforo_store.credit_postings
  where ${OF_WALLET} and source like 'grant:%' and destination = 'issued' and not exists (
    select from aforo_store.credit_voids voided
    where voided.tenant_id = credit_postings.tenant_id and 'grant:' || voided.grant_id = source)
  group by 2, 3`

/** A debit is one of an event. */
const EVENTLESS = `
  select 'transaction' as kind, tenant_id, customer_id || '/' || transaction_no as id, 'is usage of no event' as found
  from aforo_store.credit_transactions
  where ${OF_WALLET} and kind in ('usage', 'correction', 'reclassification')
    and (event_id is null or revision is null or event_time is null or event_time <> effective_at)`

/** Requests are numbered without a gap, and named by their number. */
const TOP_UPS = `
  select 'top-up request' as kind, tenant_id, customer_id || '/' || request_no as id,
    case when place <> request_no then format('is the %sth of its customer', place)
      else 'has an id that is not its own' end as found
  from (
    select *, row_number() over (partition by tenant_id, customer_id order by request_no) as place
    from aforo_store.credit_top_up_requests where ${OF_WALLET}) request
  where place <> request_no or request_id <> 'topup_' || left(
    ${hash(`'[' || ${json('tenant_id')} || ',' || ${json('customer_id')} || ',' || request_no || ']'`)}, 24)`

const TO_EXPIRE = `
  select count(*) from aforo_store.credit_balances
  where ${OF_WALLET} and expires_at <= $3::timestamptz and input > output and account like 'grant:%'`

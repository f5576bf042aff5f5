-- Credits. Amounts go from an account to another, so what leaves one is what reaches the other. A customer's accounts:
--   issued        where granted credits come from       usage        what was used
--   grant:ID      what is left of a grant               breakage:ID  what of a grant expired unused
--   overage       where credits beyond the grants come from: its outputs are owed in money
-- One row per customer, made before it is locked: who holds its lock may write that customer's rows below, no one else.
create table aforo_store.credit_wallets (
  tenant_id text not null,
  customer_id text not null,
  -- Postings so far; they are numbered without a gap. No posting is recorded before an earlier one.
  entries bigint not null default 0,
  recorded_at timestamptz,
  primary key (tenant_id, customer_id)
);
--> statement-breakpoint
-- effective_at null: for usage of any time. expires_at: the first instant whose usage it does not pay for.
create table aforo_store.credit_grants (
  tenant_id text not null,
  grant_id bigint generated always as identity (start with 2147483648),
  customer_id text not null,
  kind text not null check (kind in ('paid', 'promo')),
  amount numeric(38,18) not null check (amount > 0),
  priority integer not null,
  effective_at timestamptz,
  expires_at timestamptz,
  recorded_at timestamptz not null,
  primary key (tenant_id, grant_id),
  foreign key (tenant_id, customer_id) references aforo_store.customers,
  check (expires_at is null or effective_at is null or expires_at > effective_at)
);
--> statement-breakpoint
create index credit_grants_by_customer on aforo_store.credit_grants (tenant_id, customer_id);
--> statement-breakpoint
-- What went into an account and out of it. A grant cannot give more than it got.
create table aforo_store.credit_balances (
  tenant_id text not null,
  customer_id text not null,
  account text not null,
  -- Of accounts `grant:ID`.
  expires_at timestamptz,
  input numeric(38,18) not null default 0 check (input >= 0),
  output numeric(38,18) not null default 0 check (output >= 0),
  primary key (tenant_id, customer_id, account),
  check (input >= output or account in ('issued', 'overage', 'usage'))
);
--> statement-breakpoint
create index credit_balances_to_expire on aforo_store.credit_balances (expires_at)
  where expires_at is not null and input > output;
--> statement-breakpoint
-- One happening of the ledger, numbered by the first of its postings. The key says which one it is, the hash what it
-- says: the same key cannot be written twice.
create table aforo_store.credit_transactions (
  tenant_id text not null,
  customer_id text not null,
  transaction_no bigint not null,
  kind text not null check (kind in ('grant', 'usage', 'correction', 'expiry')),
  idempotency_key text not null,
  content_hash text not null,
  effective_at timestamptz not null,
  recorded_at timestamptz not null,
  event_id text,
  revision integer,
  event_time timestamptz,
  primary key (tenant_id, customer_id, transaction_no)
);
--> statement-breakpoint
create unique index credit_transactions_once on aforo_store.credit_transactions
  (tenant_id, customer_id, idempotency_key);
--> statement-breakpoint
create index credit_transactions_by_event on aforo_store.credit_transactions (tenant_id, event_id, customer_id)
  where event_id is not null;
--> statement-breakpoint
-- reverses: the entry that this one takes back, in whole or part. balance: what is left of all grants after it.
create table aforo_store.credit_postings (
  tenant_id text not null,
  customer_id text not null,
  entry_no bigint not null,
  entry_id text not null,
  transaction_no bigint not null,
  source text not null,
  destination text not null check (destination <> source),
  amount numeric(38,18) not null check (amount > 0),
  reverses bigint,
  balance numeric(38,18) not null check (balance >= 0),
  recorded_at timestamptz not null,
  primary key (tenant_id, customer_id, entry_no),
  foreign key (tenant_id, customer_id, transaction_no) references aforo_store.credit_transactions
);
--> statement-breakpoint
create unique index credit_postings_by_id on aforo_store.credit_postings (tenant_id, entry_id);
--> statement-breakpoint
create index credit_postings_by_transaction on aforo_store.credit_postings (tenant_id, customer_id, transaction_no);
--> statement-breakpoint
create index credit_postings_by_reversed on aforo_store.credit_postings (tenant_id, customer_id, reverses)
  where reverses is not null;
--> statement-breakpoint
create index credit_postings_by_time on aforo_store.credit_postings (tenant_id, recorded_at desc);
--> statement-breakpoint
-- One row per posting. `change` is by how much the balance moved: it adds up to `balance`. Transactions are looked up row
-- by row: a range of time on a join would reach one side of it alone.
create view aforo.credit_ledger with (security_barrier) as
select posting.recorded_at as time, posting.customer_id as customer, posting.entry_id, posting.entry_no,
  case
    when posting.source = 'issued' then 'grant'
    when posting.source = 'usage' then 'correction'
    when posting.source = 'overage' then 'overage'
    when posting.destination = 'usage' then 'debit'
    else 'expiry'
  end as kind,
  posting.amount,
  case
    when posting.destination like 'grant:%' then posting.amount
    when posting.source like 'grant:%' then -posting.amount
    else 0
  end as change,
  posting.balance, posting.source, posting.destination, posting.reverses, transaction.effective_at,
  transaction.event_id, transaction.revision
from aforo_store.credit_postings posting
cross join lateral (
  select effective_at, event_id, revision from aforo_store.credit_transactions transaction
  where transaction.tenant_id = posting.tenant_id and transaction.customer_id = posting.customer_id
    and transaction.transaction_no = posting.transaction_no
  offset 0) transaction
where posting.tenant_id = (select aforo_store.login_tenant());
--> statement-breakpoint
do $$
begin
  if exists (select from pg_roles where rolname = 'aforo_grafana') then
    grant select on aforo.credit_ledger to aforo_grafana;
  end if;
end
$$;

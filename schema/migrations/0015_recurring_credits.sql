-- Grants that a plan makes at the start of each period, and what is carried over of them.
-- rule: the plan's name for it; period_start: whose grant it is; rolled: it holds what was left of the ones before.
alter table aforo_store.credit_grants
  add column subscription_id bigint,
  add column rule text,
  add column period_start timestamptz,
  add column rolled boolean not null default false,
  add constraint credit_grants_of_rule
    check ((rule is null) = (period_start is null) and (rule is null) = (subscription_id is null));
--> statement-breakpoint
create unique index credit_grants_once on aforo_store.credit_grants
  (tenant_id, customer_id, subscription_id, rule, period_start, rolled) where rule is not null;
--> statement-breakpoint
-- A grant that was taken back: it pays for nothing from then on, and what comes back to it is taken back too.
create table aforo_store.credit_voids (
  tenant_id text not null,
  grant_id bigint not null,
  customer_id text not null,
  recorded_at timestamptz not null,
  primary key (tenant_id, grant_id),
  foreign key (tenant_id, grant_id) references aforo_store.credit_grants
);
--> statement-breakpoint
alter table aforo_store.credit_transactions
  drop constraint credit_transactions_kind_check,
  add constraint credit_transactions_kind_check
    check (kind in ('grant', 'usage', 'correction', 'expiry', 'rollover', 'void'));
--> statement-breakpoint
-- How far the recurring grants of a customer are made: due_at is the next start of a period. Whoever holds the lock of
-- the wallet makes them; a row without grants to make is moved on without it, from the instant that was read.
create table aforo_store.credit_refills (
  tenant_id text not null,
  customer_id text not null,
  due_at timestamptz not null,
  not_before timestamptz,
  primary key (tenant_id, customer_id)
);
--> statement-breakpoint
create index credit_refills_due on aforo_store.credit_refills (due_at);
--> statement-breakpoint
create function aforo_store.note_subscription() returns trigger language plpgsql as $$
begin
  insert into aforo_store.credit_refills as refill (tenant_id, customer_id, due_at)
  values (new.tenant_id, new.customer_id, new.effective_from)
  on conflict (tenant_id, customer_id) do update set due_at = least(refill.due_at, excluded.due_at);
  return null;
end
$$;
--> statement-breakpoint
create trigger note_subscription after insert on aforo_store.subscriptions
  for each row execute function aforo_store.note_subscription();
--> statement-breakpoint
insert into aforo_store.credit_refills (tenant_id, customer_id, due_at)
select tenant_id, customer_id, min(effective_from) from aforo_store.subscriptions group by tenant_id, customer_id;
--> statement-breakpoint
-- Whom to ask for credits before they run out. check_at: when to look again though nothing moves; null: never.
create table aforo_store.credit_top_up_rules (
  tenant_id text not null,
  customer_id text not null,
  threshold numeric(38,18) not null check (threshold >= 0),
  amount numeric(38,18) not null check (amount > 0),
  requests_max integer not null check (requests_max > 0),
  window_seconds integer not null check (window_seconds > 0),
  cooldown_seconds integer not null check (cooldown_seconds >= 0),
  check_at timestamptz,
  recorded_at timestamptz not null,
  primary key (tenant_id, customer_id),
  foreign key (tenant_id, customer_id) references aforo_store.customers
);
--> statement-breakpoint
create index credit_top_up_rules_due on aforo_store.credit_top_up_rules (check_at) where check_at is not null;
--> statement-breakpoint
create table aforo_store.credit_top_up_requests (
  tenant_id text not null,
  customer_id text not null,
  request_no bigint not null,
  request_id text not null,
  balance numeric(38,18) not null,
  threshold numeric(38,18) not null,
  amount numeric(38,18) not null,
  recorded_at timestamptz not null,
  primary key (tenant_id, customer_id, request_no)
);
--> statement-breakpoint
create or replace view aforo.credit_ledger with (security_barrier) as
select posting.recorded_at as time, posting.customer_id as customer, posting.entry_id, posting.entry_no,
  case
    when posting.source = 'issued' then 'grant'
    when posting.destination = 'issued' then 'void'
    when posting.source = 'usage' then 'correction'
    when posting.source = 'overage' then 'overage'
    when posting.destination = 'usage' then 'debit'
    when posting.destination = 'overage' then 'overage_paid'
    when posting.destination like 'grant:%' then 'rollover'
    else 'expiry'
  end as kind,
  posting.amount,
  case when posting.destination like 'grant:%' then posting.amount else 0 end
    - case when posting.source like 'grant:%' then posting.amount else 0 end as change,
  posting.balance, posting.source, posting.destination, posting.reverses, transaction.effective_at,
  transaction.event_id, transaction.revision
from aforo_store.credit_postings posting
cross join lateral (
  select effective_at, event_id, revision from aforo_store.credit_transactions transaction
  where transaction.tenant_id = posting.tenant_id and transaction.customer_id = posting.customer_id
    and transaction.transaction_no = posting.transaction_no
  offset 0) transaction
where posting.tenant_id = (select aforo_store.login_tenant());

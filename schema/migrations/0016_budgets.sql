-- Budgets: how much may be used, and what is. Versions are append-only; body null: ended. `counting_version` is the
-- version since which scope, unit and window are what they are: counters belong to it, so that a change of any of them
-- counts anew.
create table aforo_store.budget_versions (
  tenant_id text not null,
  budget_id text not null,
  version integer not null,
  body jsonb,
  counting_version integer not null,
  recorded_at timestamptz not null,
  primary key (tenant_id, budget_id, version),
  check (counting_version between 1 and version)
);
--> statement-breakpoint
-- Tenants that have a budget. Nothing is counted of others: the journal joins this table to tell what is to be looked at.
create table aforo_store.budget_tenants (
  tenant_id text primary key,
  since timestamptz not null
);
--> statement-breakpoint
-- One row per budget, subject and window, so that what is used and what is leased are always seen together: who changes
-- either locks the row, in the order of the key, after it was made.
--   used       in the budget's unit; of a margin floor the price, with used_cogs beside it
--   slots      of rolling windows: {slot's start: [used, used_cogs]}, and `used` their sum; a slot counts until all of
--              it has left the window. Slots before slots_from were dropped for good
create table aforo_store.budget_counters (
  tenant_id text not null,
  budget_id text not null,
  counting_version integer not null,
  subject text not null,
  -- The month's start; -infinity of every other window.
  window_start timestamptz not null,
  used numeric(38,18) not null default 0,
  used_cogs numeric(38,18),
  slots jsonb,
  slots_from timestamptz,
  leased numeric(38,18) not null default 0 check (leased >= 0),
  -- Who wrote last: readers ask for what was written since they looked.
  changed_tx xid8 not null default pg_current_xact_id(),
  primary key (tenant_id, budget_id, counting_version, subject, window_start)
);
--> statement-breakpoint
create index budget_counters_by_change on aforo_store.budget_counters (changed_tx);
--> statement-breakpoint
alter table aforo_store.budget_counters set (fillfactor = 50);
--> statement-breakpoint
-- What a trace counts for beyond what the ratings of its event say. Two rows where it is another's now than it was when
-- it was rated: all of it under who it is now, and what was rated taken back from who it was. Rows that are zero are not
-- kept. month_start: of the customer's billing month. spent_at: see the function below. mirrored: other traces decide
-- what it counts for.
create table aforo_store.open_spend (
  tenant_id text not null,
  trace_id bytea not null,
  taken_back boolean not null,
  time timestamptz not null,
  month_start timestamptz not null,
  spent_at timestamptz not null,
  customer_id text,
  product_id text,
  agent text,
  session_id text,
  price numeric(38,18) not null,
  cogs numeric(38,18) not null,
  credits numeric(38,18) not null,
  tokens bigint not null,
  model_calls bigint not null,
  tool_calls bigint not null,
  reasoning_steps bigint not null,
  -- Journal rows it is made of.
  spans bigint not null,
  mirrored boolean not null,
  projected_at timestamptz not null,
  primary key (tenant_id, trace_id, taken_back)
);
--> statement-breakpoint
create index open_spend_by_customer on aforo_store.open_spend (tenant_id, customer_id);
--> statement-breakpoint
create index open_spend_by_projection on aforo_store.open_spend (projected_at);
--> statement-breakpoint
-- When an event was spent, to the minute: at its end, if that is believed. What rolling windows go by.
create function aforo_store.spent_at(began_at timestamptz, ended_at timestamptz, recorded_at timestamptz)
returns timestamptz language sql stable parallel safe
return date_bin('1 minute', case when ended_at between began_at and recorded_at + interval '24 hours' then ended_at
  else began_at end, timestamptz '2000-01-01 00:00:00+00');
--> statement-breakpoint
-- Traces to be looked at, of tenants with budgets: a row for each time spans of them came. Nobody waits for a row here.
create table aforo_store.spend_queue (
  queue_id bigint generated always as identity primary key,
  tenant_id text not null,
  trace_id bytea not null,
  not_before timestamptz not null
);
--> statement-breakpoint
create index spend_queue_order on aforo_store.spend_queue (not_before, queue_id);
--> statement-breakpoint
-- Calls that open traces of tenants with budgets saw, as call_sightings has them of traces that are cut.
create table aforo_store.open_sightings (
  tenant_id text not null,
  trace_id bytea not null,
  span_id bytea not null,
  place text,
  tokens text,
  scopes text not null,
  start_nano bigint not null,
  end_nano bigint not null,
  sighting jsonb not null,
  members text[] not null,
  owner_trace_id bytea not null,
  owner_span_id bytea not null,
  replay boolean not null,
  primary key (tenant_id, trace_id, span_id)
);
--> statement-breakpoint
create index open_sightings_by_place on aforo_store.open_sightings (tenant_id, place, start_nano)
  where place is not null;
--> statement-breakpoint
create table aforo_store.open_sighting_keys (
  tenant_id text not null,
  key text not null,
  trace_id bytea not null,
  span_id bytea not null,
  primary key (tenant_id, key, trace_id, span_id)
);
--> statement-breakpoint
create index open_sighting_keys_by_trace on aforo_store.open_sighting_keys (tenant_id, trace_id);
--> statement-breakpoint
-- How much of each budget is used, as of now. share: of the limit, null where there is none to speak of; of a margin
-- floor `used` is the price, and margin_pct what of it is left. The limit of a wallet is what it holds and what was used.
create view aforo.budget_status with (security_barrier) as
with current as (
  select distinct on (tenant_id, budget_id) tenant_id, budget_id, counting_version, body
  from aforo_store.budget_versions
  where tenant_id = (select aforo_store.login_tenant())
  order by tenant_id, budget_id, version desc
),
counted as (
  select budget_id, body, subject, nullif(window_start, '-infinity') as window_start, leased, tenant_id,
    coalesce(rolling.used, counter.used) as used, coalesce(rolling.used_cogs, counter.used_cogs) as used_cogs,
    case when body #>> '{scope,customer}' = '*' then subject::jsonb ->> 0 else body #>> '{scope,customer}' end
      as customer
  from current
  join aforo_store.budget_counters counter using (tenant_id, budget_id, counting_version)
  left join lateral (
    select coalesce(sum((slot.value ->> 0)::numeric), 0) as used, sum((slot.value ->> 1)::numeric) as used_cogs
    from jsonb_each(counter.slots) slot
    where slot.key::timestamptz > now() - case body ->> 'window'
      when 'hour' then interval '61 minutes' else interval '24 hours 15 minutes' end
  ) rolling on counter.slots is not null
  where body is not null
),
limited as (
  select *, case
    when body ->> 'limit' = 'balance' then used
      + (select coalesce(sum(input - output), 0) from aforo_store.credit_balances balance
         where balance.tenant_id = counted.tenant_id and balance.customer_id = counted.customer
           and balance.account like 'grant:%')
      - (select coalesce(sum(credits), 0) from aforo_store.open_spend open
         where open.tenant_id = counted.tenant_id and open.customer_id = counted.customer)
    else (body ->> 'limit')::numeric end as amount
  from counted
)
select budget_id as budget, subject, body ->> 'unit' as unit, body ->> 'mode' as mode, body ->> 'window' as "window",
  window_start, used, amount as "limit",
  case when body ->> 'unit' <> 'margin_pct' then used / nullif(amount, 0) end as share,
  leased, used_cogs, case when body ->> 'unit' = 'margin_pct' then (used - used_cogs) * 100 / nullif(used, 0) end
    as margin_pct
from limited;
--> statement-breakpoint
do $$
begin
  if exists (select from pg_roles where rolname = 'aforo_grafana') then
    grant select on aforo.budget_status to aforo_grafana;
  end if;
end
$$;

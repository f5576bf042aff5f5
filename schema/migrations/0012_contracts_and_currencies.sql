-- A percentage off the list that a tenant has agreed with a provider. Provider, model and meter are globs. Append-only
-- and bitemporal like prices: retracted_at is set once, by the terms that take the place of these.
create table aforo_store.price_discounts (
  price_discount_id bigint generated always as identity (start with 2147483648) primary key,
  tenant_id text not null,
  contract_id text not null,
  provider text not null,
  model text not null,
  meter text not null,
  discount_pct numeric(18,12) not null check (discount_pct >= 0 and discount_pct <= 100),
  effective_from timestamptz not null,
  effective_to timestamptz,
  recorded_at timestamptz not null,
  retracted_at timestamptz,
  series bigint not null generated always as (hashtextextended(tenant_id || chr(31) || contract_id, 0)) stored,
  check (effective_to is null or effective_to > effective_from),
  check (retracted_at is null or retracted_at >= recorded_at),
  constraint price_discounts_one_at_a_time exclude using gist (
    int8range(series, series, '[]') with &&,
    tstzrange(effective_from, effective_to) with &&,
    tstzrange(recorded_at, retracted_at) with &&)
);
--> statement-breakpoint
create index price_discounts_by_contract on aforo_store.price_discounts (tenant_id, contract_id);
--> statement-breakpoint
-- What one unit of a currency is worth in USD, for usage from an instant on. Append-only and bitemporal like prices.
create table aforo_store.fx_rates (
  fx_rate_id bigint generated always as identity (start with 2147483648) primary key,
  tenant_id text not null,
  currency text not null check (currency ~ '^[A-Z]{3}$' and currency <> 'USD'),
  usd numeric(30,15) not null check (usd > 0),
  effective_from timestamptz not null,
  effective_to timestamptz,
  recorded_at timestamptz not null,
  retracted_at timestamptz,
  source text not null,
  series bigint not null generated always as (hashtextextended(tenant_id || chr(31) || currency, 0)) stored,
  check (effective_to is null or effective_to > effective_from),
  check (retracted_at is null or retracted_at >= recorded_at),
  constraint fx_rates_one_at_a_time exclude using gist (
    int8range(series, series, '[]') with &&,
    tstzrange(effective_from, effective_to) with &&,
    tstzrange(recorded_at, retracted_at) with &&)
);
--> statement-breakpoint
create index fx_rates_by_currency on aforo_store.fx_rates (tenant_id, currency);
--> statement-breakpoint
-- What a model that we run ourselves costs by the hour, used or not: spread over the tokens of each closed hour or day.
create table aforo_store.hourly_costs (
  hourly_cost_id bigint generated always as identity (start with 2147483648) primary key,
  tenant_id text not null,
  custom_id text not null,
  provider text not null,
  model text not null,
  hourly_usd numeric(30,15) not null check (hourly_usd >= 0),
  units numeric(18,6) not null check (units >= 0),
  spread_over text not null check (spread_over in ('hour', 'day')),
  effective_from timestamptz not null,
  effective_to timestamptz,
  recorded_at timestamptz not null,
  retracted_at timestamptz,
  series bigint not null generated always as (hashtextextended(tenant_id || chr(31) || provider || chr(31) || model, 0))
    stored,
  check (effective_to is null or effective_to > effective_from),
  check (retracted_at is null or retracted_at >= recorded_at),
  constraint hourly_costs_one_at_a_time exclude using gist (
    int8range(series, series, '[]') with &&,
    tstzrange(effective_from, effective_to) with &&,
    tstzrange(recorded_at, retracted_at) with &&)
);
--> statement-breakpoint
create index hourly_costs_by_custom on aforo_store.hourly_costs (tenant_id, custom_id);
--> statement-breakpoint
-- How the cost of a closed window was spread: the price row of the window says the whole (unit_price, for `per` tokens),
-- each row here what an event has of it. They add up to the whole to the last digit. Late usage makes a new price row
-- with new shares; the old ones stay.
create table aforo_store.allocation_shares (
  tenant_id text not null,
  price_row_id bigint not null references aforo_store.price_rows,
  event_id text not null,
  part text not null,
  meter text not null,
  service_tier text not null,
  quantity numeric(38,9) not null,
  amount numeric(38,18) not null,
  recorded_at timestamptz not null,
  primary key (tenant_id, event_id, price_row_id, part, meter, service_tier)
);
--> statement-breakpoint
create index allocation_shares_by_row on aforo_store.allocation_shares (price_row_id);
--> statement-breakpoint
-- amount = quantity × unit_price × (100 − discount_pct) / 100 × usd / per, in USD; native_amount is the same without
-- `usd`, where the row is in another currency. allocated: a share of what a window cost, not a price of these tokens.
alter table aforo_store.cost_lines
  add column price_discount_id bigint,
  add column fx_rate_id bigint,
  add column native_amount numeric(38,18),
  add column allocated boolean;
--> statement-breakpoint
-- The rate by which the event's COGS, in USD, are told in the plan's currency, and its price in USD. Null for plans in
-- USD, and where there is no rate.
alter table aforo_store.ratings
  add column fx_rate_id bigint,
  add column fx_usd numeric(30,15),
  add column price_usd numeric(38,18);
--> statement-breakpoint
-- `price` is in the currency of the plan that was charged. price_usd null: that is USD. unconverted 1: the price is in a
-- currency for which there is no rate, and price_usd says nothing of it. A difference, like the rest.
alter table aforo_store.event_lines
  add column price_usd numeric(38,18),
  add column unconverted integer;
--> statement-breakpoint
-- Amounts of the views are in USD, but for `price` and `credits` of an event or line, which are in the plan's currency.
drop view aforo.billable_events;
--> statement-breakpoint
create view aforo.billable_events with (security_barrier) as
with stacked as (
  select event_id, time, started_at, ended_at, model_calls, unmetered_calls, tool_calls, reasoning_steps, input_tokens,
    cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
    array[lpad(revision::text, 10, '0'), encode(trace_id, 'hex'), cut_reason, customer_id, product_id, agent,
      session_id] as newest,
    null::numeric as cogs, null::numeric as price, null::numeric as price_usd, null::numeric as credits,
    null::text[] as newest_rating
  from aforo_store.events
  where tenant_id = (select aforo_store.login_tenant())
  union all
  select event_id, time, null, null, null, null, null, null, null, null, null, null, null, null, cogs, price,
    coalesce(price_usd, price), credits,
    array[lpad(revision::text, 10, '0'), status, unpriced::text, currency, fx_usd::text]
  from aforo_store.ratings
  where tenant_id = (select aforo_store.login_tenant())
),
summed as (
  select event_id, time, min(started_at) as started_at, max(ended_at) as ended_at, sum(model_calls) as model_calls,
    sum(unmetered_calls) as unmetered_calls, sum(tool_calls) as tool_calls, sum(reasoning_steps) as reasoning_steps,
    sum(input_tokens) as input_tokens, sum(cache_read_tokens) as cache_read_tokens,
    sum(cache_write_tokens) as cache_write_tokens, sum(output_tokens) as output_tokens,
    sum(reasoning_tokens) as reasoning_tokens, sum(cogs) as cogs_known, sum(price) as price,
    sum(price_usd) as price_usd, sum(credits) as credits,
    max(newest) as newest, max(newest_rating) as newest_rating
  from stacked
  group by event_id, time
),
told as (
  select *,
    case when newest[1] = newest_rating[1] then newest_rating[2] else 'pending' end as status,
    newest[1] = newest_rating[1] and newest_rating[3] = 'false' as is_cost_known
  from summed
),
priced as (
  select *,
    case when is_cost_known then cogs_known end as cogs,
    case when status not in ('pending', 'unattributed') then price end as price_known,
    case when status not in ('pending', 'unattributed') and (newest_rating[4] = 'USD' or newest_rating[5] is not null)
      then price_usd end as price_usd_known
  from told
)
select
  time, event_id, newest[2] as trace_id, newest[1]::integer as revision, newest[3] as cut_reason, status,
  newest[4] as customer, newest[5] as product, newest[6] as agent, newest[7] as session, started_at, ended_at,
  model_calls, unmetered_calls, tool_calls, reasoning_steps, input_tokens, cache_read_tokens, cache_write_tokens,
  output_tokens, reasoning_tokens, cogs, cogs_known, price_known as price, price_usd_known - cogs as margin,
  newest_rating[4] as currency, credits, price_usd_known as price_usd
from priced;
--> statement-breakpoint
create or replace view aforo.billable_event_lines with (security_barrier) as
select time, event_id, revision, customer_id as customer, product_id as product, agent, part, provider, model, tool,
  unit, quantity, calls, unpriced_calls, cogs, price, coalesce(price_usd, price) as price_usd,
  coalesce(unconverted, 0) as unconverted
from aforo_store.event_lines
where tenant_id = (select aforo_store.login_tenant());
--> statement-breakpoint
-- `unconverted`: charges in a currency without a rate, which neither revenue nor margin know of.
create or replace view aforo.margin_by_model with (security_barrier) as
select time, provider, model,
  sum(calls) as calls, sum(unpriced_calls) as unpriced_calls, sum(cogs) as cogs,
  sum(coalesce(price_usd, price)) as revenue, sum(coalesce(price_usd, price)) - sum(cogs) as margin,
  sum(coalesce(unconverted, 0)) as unconverted
from aforo_store.event_lines
where tenant_id = (select aforo_store.login_tenant()) and model is not null
group by time, provider, model;
--> statement-breakpoint
create or replace view aforo.margin_by_customer with (security_barrier) as
select time, customer_id as customer,
  sum(calls) as calls, sum(unpriced_calls) as unpriced_calls, sum(cogs) as cogs,
  sum(coalesce(price_usd, price)) as revenue, sum(coalesce(price_usd, price)) - sum(cogs) as margin,
  sum(coalesce(unconverted, 0)) as unconverted
from aforo_store.event_lines
where tenant_id = (select aforo_store.login_tenant())
group by time, customer_id;
--> statement-breakpoint
create or replace view aforo.vendor_costs with (security_barrier) as
select time, event_id, revision, part, provider, model, tool, meter, service_tier, quantity, price_row_id, unit_price,
  per, currency, amount, coalesce(native_amount, amount) as native_amount, price_discount_id, fx_rate_id,
  coalesce(allocated, false) as allocated
from aforo_store.cost_lines
where tenant_id = (select aforo_store.login_tenant());
--> statement-breakpoint
do $$
begin
  if exists (select from pg_roles where rolname = 'aforo_grafana') then
    grant select on aforo.billable_events to aforo_grafana;
  end if;
end
$$;

-- COGS with what back-dated prices make of them. `cogs` of an event is what was booked, its adjustment stands beside it and
-- its margin knows both; the margins by model and customer have it in `cogs`. In `vendor_costs` an adjustment is two rows:
-- the quantity leaves the row it was costed by, and comes to the new one.
create or replace view aforo.billable_events with (security_barrier) as
with stacked as (
  select event_id, time, started_at, ended_at, model_calls, unmetered_calls, tool_calls, reasoning_steps, input_tokens,
    cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
    array[lpad(revision::text, 10, '0'), encode(trace_id, 'hex'), cut_reason, customer_id, product_id, agent,
      session_id] as newest,
    null::numeric as cogs, null::numeric as price, null::numeric as price_usd, null::numeric as credits,
    null::text[] as newest_rating, null::numeric as delta
  from aforo_store.events
  where tenant_id = (select aforo_store.login_tenant())
  union all
  select event_id, time, null, null, null, null, null, null, null, null, null, null, null, null, cogs, price,
    coalesce(price_usd, price), credits,
    array[lpad(revision::text, 10, '0'), status, unpriced::text, currency, fx_usd::text], null
  from aforo_store.ratings
  where tenant_id = (select aforo_store.login_tenant())
  union all
  select event_id, time, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, delta
  from aforo_store.cogs_adjustments
  where tenant_id = (select aforo_store.login_tenant())
),
summed as (
  select event_id, time, min(started_at) as started_at, max(ended_at) as ended_at, sum(model_calls) as model_calls,
    sum(unmetered_calls) as unmetered_calls, sum(tool_calls) as tool_calls, sum(reasoning_steps) as reasoning_steps,
    sum(input_tokens) as input_tokens, sum(cache_read_tokens) as cache_read_tokens,
    sum(cache_write_tokens) as cache_write_tokens, sum(output_tokens) as output_tokens,
    sum(reasoning_tokens) as reasoning_tokens, sum(cogs) as cogs_known, sum(price) as price,
    sum(price_usd) as price_usd, sum(credits) as credits,
    max(newest) as newest, max(newest_rating) as newest_rating, coalesce(sum(delta), 0) as cogs_adjustment
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
  output_tokens, reasoning_tokens, cogs, cogs_known, price_known as price, price_usd_known - cogs - cogs_adjustment as margin,
  newest_rating[4] as currency, credits, price_usd_known as price_usd, cogs_adjustment
from priced;
--> statement-breakpoint
create or replace view aforo.margin_by_model with (security_barrier) as
with stacked as (
  select time, provider, model, calls, unpriced_calls, cogs, coalesce(price_usd, price) as revenue,
    coalesce(unconverted, 0) as unconverted
  from aforo_store.event_lines
  where tenant_id = (select aforo_store.login_tenant()) and model is not null
  union all
  select time, provider, model, 0, 0, delta, 0, 0
  from aforo_store.cogs_adjustments
  where tenant_id = (select aforo_store.login_tenant()) and model is not null
)
select time, provider, model, sum(calls) as calls, sum(unpriced_calls) as unpriced_calls, sum(cogs) as cogs,
  sum(revenue) as revenue, sum(revenue) - sum(cogs) as margin, sum(unconverted) as unconverted
from stacked
group by time, provider, model;
--> statement-breakpoint
create or replace view aforo.margin_by_customer with (security_barrier) as
with stacked as (
  select time, customer_id, calls, unpriced_calls, cogs, coalesce(price_usd, price) as revenue,
    coalesce(unconverted, 0) as unconverted
  from aforo_store.event_lines
  where tenant_id = (select aforo_store.login_tenant())
  union all
  select time, customer_id, 0, 0, delta, 0, 0
  from aforo_store.cogs_adjustments
  where tenant_id = (select aforo_store.login_tenant())
)
select time, customer_id as customer, sum(calls) as calls, sum(unpriced_calls) as unpriced_calls, sum(cogs) as cogs,
  sum(revenue) as revenue, sum(revenue) - sum(cogs) as margin, sum(unconverted) as unconverted
from stacked
group by time, customer_id;
--> statement-breakpoint
create or replace view aforo.vendor_costs with (security_barrier) as
select time, event_id, revision, part, provider, model, tool, meter, service_tier, quantity, price_row_id, unit_price,
  per, currency, amount, coalesce(native_amount, amount) as native_amount, price_discount_id, fx_rate_id,
  coalesce(allocated, false) as allocated, null::bigint as proposal_id
from aforo_store.cost_lines
where tenant_id = (select aforo_store.login_tenant())
union all
select time, event_id, revision, part, provider, model, tool, meter, service_tier, (-quantity)::numeric(38,9),
  old_price_row_id, old_unit_price, old_per, currency, (-old_amount)::numeric(38,18), (-old_amount)::numeric(38,18), price_discount_id, null, false, proposal_id
from aforo_store.cogs_adjustments
where tenant_id = (select aforo_store.login_tenant())
union all
select time, event_id, revision, part, provider, model, tool, meter, service_tier, quantity, new_price_row_id,
  new_unit_price, new_per, currency, new_amount, new_amount, price_discount_id, null, false, proposal_id
from aforo_store.cogs_adjustments
where tenant_id = (select aforo_store.login_tenant());

-- What of an event has no price yet, in marks that add up over revisions like all else. unpriced 1: some cost of the line is
-- unknown, of which cogs says nothing. uncharged 1: the plan charges such a cost, so price says nothing of it either. Null: 0.
alter table aforo_store.event_lines
  add column unpriced integer,
  add column uncharged integer;
--> statement-breakpoint
-- Whether, as of this revision, some cost is unknown that the plan charges; null: no.
alter table aforo_store.ratings add column uncharged boolean;
--> statement-breakpoint
-- What waits for a price is cut once more, so that its lines have their marks.
update aforo_store.traces trace set completed = true, cut_due_at = least(trace.cut_due_at, now())
where trace.revision >= 0 and (trace.tenant_id, trace.trace_id) in (
  select tenant_id, trace_id from aforo_store.exceptions where kind = 'unpriced' and resolved_at is null);
--> statement-breakpoint
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
    array[lpad(revision::text, 10, '0'), status, unpriced::text, currency, fx_usd::text,
      coalesce(uncharged, false)::text], null
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
    newest[1] = newest_rating[1] and newest_rating[3] = 'false' as is_cost_known,
    newest_rating[6] is distinct from 'true' as is_price_known
  from summed
),
priced as (
  select *,
    case when is_cost_known then cogs_known end as cogs,
    case when status not in ('pending', 'unattributed') then price end as price_known,
    case when is_price_known and status not in ('pending', 'unattributed')
      and (newest_rating[4] = 'USD' or newest_rating[5] is not null) then price_usd end as price_usd_known
  from told
)
select
  time, event_id, newest[2] as trace_id, newest[1]::integer as revision, newest[3] as cut_reason, status,
  newest[4] as customer, newest[5] as product, newest[6] as agent, newest[7] as session, started_at, ended_at,
  model_calls, unmetered_calls, tool_calls, reasoning_steps, input_tokens, cache_read_tokens, cache_write_tokens,
  output_tokens, reasoning_tokens, cogs, cogs_known, case when is_price_known then price_known end as price,
  price_usd_known - cogs - cogs_adjustment as margin, newest_rating[4] as currency,
  case when is_price_known then credits end as credits, price_usd_known as price_usd, cogs_adjustment, price_known
from priced;
--> statement-breakpoint
-- An amount of which nothing is known is null; what is known of one adds up, and the marks beside it say that it is a part.
create or replace view aforo.billable_event_lines with (security_barrier) as
select time, event_id, revision, customer_id as customer, product_id as product, agent, part, provider, model, tool,
  unit, quantity, calls, unpriced_calls,
  (case when cogs <> 0 or coalesce(unpriced, 0) <= 0 then cogs end)::numeric(38,18) as cogs,
  (case when price <> 0 or coalesce(uncharged, 0) <= 0 then price end)::numeric(38,18) as price,
  (case when coalesce(price_usd, price) <> 0 or coalesce(uncharged, 0) + coalesce(unconverted, 0) <= 0
    then coalesce(price_usd, price) end)::numeric(38,18) as price_usd,
  coalesce(unconverted, 0) as unconverted, coalesce(unpriced, 0) as unpriced, coalesce(uncharged, 0) as uncharged
from aforo_store.event_lines
where tenant_id = (select aforo_store.login_tenant());
--> statement-breakpoint
create or replace view aforo.margin_by_model with (security_barrier) as
with stacked as (
  select time, provider, model, calls, unpriced_calls, cogs, coalesce(price_usd, price) as revenue,
    coalesce(unconverted, 0) as unconverted, coalesce(unpriced, 0) as unpriced, coalesce(uncharged, 0) as uncharged
  from aforo_store.event_lines
  where tenant_id = (select aforo_store.login_tenant()) and model is not null
  union all
  select time, provider, model, 0, 0, delta, 0, 0, 0, 0
  from aforo_store.cogs_adjustments
  where tenant_id = (select aforo_store.login_tenant()) and model is not null
), summed as (
  select time, provider, model, sum(calls) as calls, sum(unpriced_calls) as unpriced_calls, sum(cogs) as cogs,
    sum(revenue) as revenue, sum(unconverted) as unconverted, sum(unpriced) as unpriced, sum(uncharged) as uncharged,
    sum(unpriced_calls) > 0 or sum(unpriced) > 0 as is_cost_open, sum(uncharged) > 0 or sum(unconverted) > 0 as is_price_open
  from stacked
  group by time, provider, model
)
select time, provider, model, calls, unpriced_calls, case when cogs <> 0 or not is_cost_open then cogs end as cogs,
  case when revenue <> 0 or not is_price_open then revenue end as revenue,
  case when not is_cost_open and not is_price_open then revenue - cogs end as margin, unconverted, unpriced, uncharged
from summed;
--> statement-breakpoint
create or replace view aforo.margin_by_customer with (security_barrier) as
with stacked as (
  select time, customer_id, calls, unpriced_calls, cogs, coalesce(price_usd, price) as revenue,
    coalesce(unconverted, 0) as unconverted, coalesce(unpriced, 0) as unpriced, coalesce(uncharged, 0) as uncharged
  from aforo_store.event_lines
  where tenant_id = (select aforo_store.login_tenant())
  union all
  select time, customer_id, 0, 0, delta, 0, 0, 0, 0
  from aforo_store.cogs_adjustments
  where tenant_id = (select aforo_store.login_tenant())
), summed as (
  select time, customer_id, sum(calls) as calls, sum(unpriced_calls) as unpriced_calls, sum(cogs) as cogs,
    sum(revenue) as revenue, sum(unconverted) as unconverted, sum(unpriced) as unpriced, sum(uncharged) as uncharged,
    sum(unpriced_calls) > 0 or sum(unpriced) > 0 as is_cost_open, sum(uncharged) > 0 or sum(unconverted) > 0 as is_price_open
  from stacked
  group by time, customer_id
)
select time, customer_id as customer, calls, unpriced_calls, case when cogs <> 0 or not is_cost_open then cogs end as cogs,
  case when revenue <> 0 or not is_price_open then revenue end as revenue,
  case when not is_cost_open and not is_price_open then revenue - cogs end as margin, unconverted, unpriced, uncharged
from summed;

-- What people and Grafana read. Each view shows the tenant of the login and nothing else. `time` is the time of the
-- event, a column of every row below it and the same in all its revisions: a time range on a view reaches the scans
-- and touches only the index entries, or chunks, of that range. Bucket it in the query, not here: a range over a
-- bucketed time would read everything.
create index ratings_by_time on aforo_store.ratings (tenant_id, time desc);
--> statement-breakpoint
create index cost_lines_by_time on aforo_store.cost_lines (tenant_id, time desc);
--> statement-breakpoint
create index exceptions_by_time on aforo_store.exceptions (tenant_id, recorded_at desc, exception_id desc);
--> statement-breakpoint
-- One row per event: sums over its revisions, and what its newest revision says of it. Revisions and ratings are
-- stacked and grouped, not joined: a join would pass the time range to one side alone. `newest` is an array that
-- begins with the revision, so that its maximum is the newest row without a sort.
create view aforo.billable_events with (security_barrier) as
with stacked as (
  select event_id, time, started_at, ended_at, model_calls, unmetered_calls, tool_calls, reasoning_steps, input_tokens,
    cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
    array[lpad(revision::text, 10, '0'), encode(trace_id, 'hex'), cut_reason, customer_id, product_id, agent,
      session_id] as newest,
    null::numeric as cogs, null::numeric as price, null::numeric as credits, null::text[] as newest_rating
  from aforo_store.events
  where tenant_id = (select aforo_store.login_tenant())
  union all
  select event_id, time, null, null, null, null, null, null, null, null, null, null, null, null, cogs, price, credits,
    array[lpad(revision::text, 10, '0'), status, unpriced::text, currency]
  from aforo_store.ratings
  where tenant_id = (select aforo_store.login_tenant())
),
summed as (
  select event_id, time, min(started_at) as started_at, max(ended_at) as ended_at, sum(model_calls) as model_calls,
    sum(unmetered_calls) as unmetered_calls, sum(tool_calls) as tool_calls, sum(reasoning_steps) as reasoning_steps,
    sum(input_tokens) as input_tokens, sum(cache_read_tokens) as cache_read_tokens,
    sum(cache_write_tokens) as cache_write_tokens, sum(output_tokens) as output_tokens,
    sum(reasoning_tokens) as reasoning_tokens, sum(cogs) as cogs_known, sum(price) as price, sum(credits) as credits,
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
    case when status not in ('pending', 'unattributed') then price end as price_known
  from told
)
select
  time, event_id, newest[2] as trace_id, newest[1]::integer as revision, newest[3] as cut_reason, status,
  newest[4] as customer, newest[5] as product, newest[6] as agent, newest[7] as session, started_at, ended_at,
  model_calls, unmetered_calls, tool_calls, reasoning_steps, input_tokens, cache_read_tokens, cache_write_tokens,
  output_tokens, reasoning_tokens, cogs, cogs_known, price_known as price, price_known - cogs as margin,
  newest_rating[4] as currency, credits
from priced;
--> statement-breakpoint
create view aforo.billable_event_lines with (security_barrier) as
select time, event_id, revision, customer_id as customer, product_id as product, agent, part, provider, model, tool,
  unit, quantity, calls, unpriced_calls, cogs, price
from aforo_store.event_lines
where tenant_id = (select aforo_store.login_tenant());
--> statement-breakpoint
-- What each event cost and brought by model: sum it over any span of time.
create view aforo.margin_by_model with (security_barrier) as
select time, provider, model,
  sum(calls) as calls, sum(unpriced_calls) as unpriced_calls, sum(cogs) as cogs, sum(price) as revenue,
  sum(price) - sum(cogs) as margin
from aforo_store.event_lines
where tenant_id = (select aforo_store.login_tenant()) and model is not null
group by time, provider, model;
--> statement-breakpoint
create view aforo.margin_by_customer with (security_barrier) as
select time, customer_id as customer,
  sum(calls) as calls, sum(unpriced_calls) as unpriced_calls, sum(cogs) as cogs, sum(price) as revenue,
  sum(price) - sum(cogs) as margin
from aforo_store.event_lines
where tenant_id = (select aforo_store.login_tenant())
group by time, customer_id;
--> statement-breakpoint
create view aforo.exceptions with (security_barrier) as
select recorded_at as time, exception_id, kind, event_id, encode(trace_id, 'hex') as trace_id,
  encode(span_id, 'hex') as span_id, provider, model, customer_id as customer, reason, resolved_at, resolution
from aforo_store.exceptions
where tenant_id = (select aforo_store.login_tenant());
--> statement-breakpoint
create view aforo.vendor_costs with (security_barrier) as
select time, event_id, revision, part, provider, model, tool, meter, service_tier, quantity, price_row_id, unit_price,
  per, currency, amount
from aforo_store.cost_lines
where tenant_id = (select aforo_store.login_tenant());
--> statement-breakpoint
-- The role that Grafana logs in with. It is made without a password: the operator sets one. A server that does not
-- let us make roles keeps the views; grant them by hand there.
do $$
begin
  if not exists (select from pg_roles where rolname = 'aforo_grafana') then
    create role aforo_grafana login;
  end if;
exception
  when insufficient_privilege then raise notice 'role aforo_grafana not created: %', sqlerrm;
  when duplicate_object or unique_violation then null;
end
$$;
--> statement-breakpoint
do $$
begin
  if exists (select from pg_roles where rolname = 'aforo_grafana') then
    grant usage on schema aforo to aforo_grafana;
    grant select on all tables in schema aforo to aforo_grafana;
    insert into aforo_store.login_tenants (login, tenant_id) values ('aforo_grafana', 'default');
  end if;
end
$$;

-- What people and Grafana read. Each view shows the tenant of the login and nothing else.
create view aforo.billable_events with (security_barrier) as
with latest as (
  select distinct on (tenant_id, event_id)
    tenant_id, event_id, revision, time, trace_id, cut_reason, customer_id, product_id, agent, session_id,
    started_at, ended_at
  from aforo_store.events
  where tenant_id = (select aforo_store.login_tenant())
  order by tenant_id, event_id, revision desc
),
usage as (
  select tenant_id, event_id,
    sum(model_calls) as model_calls, sum(unmetered_calls) as unmetered_calls, sum(tool_calls) as tool_calls,
    sum(reasoning_steps) as reasoning_steps, sum(input_tokens) as input_tokens,
    sum(cache_read_tokens) as cache_read_tokens, sum(cache_write_tokens) as cache_write_tokens,
    sum(output_tokens) as output_tokens, sum(reasoning_tokens) as reasoning_tokens
  from aforo_store.events
  where tenant_id = (select aforo_store.login_tenant())
  group by tenant_id, event_id
),
money as (
  select tenant_id, event_id,
    (array_agg(status order by revision desc))[1] as status,
    (array_agg(currency order by revision desc))[1] as currency,
    (array_agg(unpriced order by revision desc))[1] as unpriced,
    sum(cogs) as cogs_known, sum(price) as price, sum(credits) as credits
  from aforo_store.ratings
  where tenant_id = (select aforo_store.login_tenant())
  group by tenant_id, event_id
)
select
  latest.time, latest.event_id, encode(latest.trace_id, 'hex') as trace_id, latest.revision, latest.cut_reason,
  coalesce(money.status, 'pending') as status,
  latest.customer_id as customer, latest.product_id as product, latest.agent, latest.session_id as session,
  latest.started_at, latest.ended_at,
  usage.model_calls, usage.unmetered_calls, usage.tool_calls, usage.reasoning_steps, usage.input_tokens,
  usage.cache_read_tokens, usage.cache_write_tokens, usage.output_tokens, usage.reasoning_tokens,
  case when money.unpriced then null else money.cogs_known end as cogs,
  money.cogs_known, money.price,
  case when money.unpriced then null else money.price - money.cogs_known end as margin,
  money.currency, money.credits
from latest
join usage using (tenant_id, event_id)
left join money using (tenant_id, event_id);
--> statement-breakpoint
create view aforo.billable_event_lines with (security_barrier) as
select time, event_id, revision, customer_id as customer, product_id as product, agent, part, provider, model, tool,
  unit, quantity, calls, unpriced_calls, cogs, price
from aforo_store.event_lines
where tenant_id = (select aforo_store.login_tenant());
--> statement-breakpoint
create view aforo.margin_by_model with (security_barrier) as
select date_trunc('hour', time) as time, provider, model,
  sum(calls) as calls, sum(unpriced_calls) as unpriced_calls, sum(cogs) as cogs, sum(price) as revenue,
  sum(price) - sum(cogs) as margin
from aforo_store.event_lines
where tenant_id = (select aforo_store.login_tenant()) and model is not null
group by 1, 2, 3;
--> statement-breakpoint
create view aforo.margin_by_customer with (security_barrier) as
select date_trunc('hour', time) as time, customer_id as customer,
  sum(calls) as calls, sum(unpriced_calls) as unpriced_calls, sum(cogs) as cogs, sum(price) as revenue,
  sum(price) - sum(cogs) as margin
from aforo_store.event_lines
where tenant_id = (select aforo_store.login_tenant())
group by 1, 2;
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

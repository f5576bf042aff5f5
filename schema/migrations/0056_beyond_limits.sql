-- What is given out beyond a limit that was lowered, and when the last lease ends that may be: as the API tells it. A lease is
-- taken back ten seconds after it ran out.
create or replace view aforo.budget_status with (security_barrier) as
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
      as customer,
    counting_version, window_start as counted_since
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
),
given as (
  select *, case when body ->> 'mode' = 'hard' and body ->> 'unit' <> 'margin_pct'
    then greatest(least(used + leased - amount, leased), 0) else 0 end as beyond
  from limited
)
select budget_id as budget, subject, body ->> 'unit' as unit, body ->> 'mode' as mode, body ->> 'window' as "window",
  window_start, used, amount as "limit",
  case when body ->> 'unit' <> 'margin_pct' then used / nullif(amount, 0) end as share,
  leased, used_cogs, case when body ->> 'unit' = 'margin_pct' then (used - used_cogs) * 100 / nullif(used, 0) end
    as margin_pct,
  beyond, case when beyond > 0 then (
    select max(expires_at) + interval '10 seconds' from aforo_store.budget_leases lease
    where lease.tenant_id = given.tenant_id and lease.budget_id = given.budget_id
      and lease.counting_version = given.counting_version and lease.subject = given.subject
      and lease.window_start = given.counted_since and lease.amount > 0) end as beyond_until
from given;
--> statement-breakpoint
-- Dead letters are counted by what they died of, among all that was delivered.
create index webhook_deliveries_dead on aforo_store.webhook_deliveries ((last_error = 'queue_full')) where state = 'dead';

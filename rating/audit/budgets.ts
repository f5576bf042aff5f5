import type pg from 'pg'
import type { AuditReport, AuditScope } from '../../core/audit.ts'
import { waitingEvents } from '../../schema/budgets/waiting.ts'
import { askForGaps, countRows } from '../../schema/gap-query.ts'

/**
 * Compares the counters of budgets with what was rated and what open traces count for, summed up in SQL without the
 * code that moves them; then what open traces count for with the traces, and versions with one another. Budgets have no
 * part of time: all of each is looked at.
 */
export async function auditBudgets(
  client: pg.PoolClient,
  { tenantId }: AuditScope,
  now: Date,
  report: AuditReport,
): Promise<void> {
  await countRows(client, 'budget_counters', countOf('budget_counters'), [tenantId], report)
  await askForGaps(client, { check: 'budget_counters', text: COUNTER_GAPS, values: [tenantId, now] }, report)
  await countRows(client, 'open_spend', countOf('open_spend'), [tenantId], report)
  await askForGaps(client, { check: 'open_spend', text: SETTLED, values: [tenantId, now] }, report)
  await countRows(client, 'budget_versions', countOf('budget_versions'), [tenantId], report)
  await askForGaps(client, { check: 'budget_versions', text: VERSIONS, values: [tenantId] }, report)
}

const countOf = (table: string) =>
  `select count(*)::text as count from aforo_store.${table} where $1::text is null or tenant_id = $1`

const EVENTS = `
  rated as (
    select tenant_id, event_id, time, max(revision) as revision, coalesce(sum(price), 0) as price, sum(cogs) as cogs,
      coalesce(sum(credits), 0) as credits, (array_agg(period_start order by revision desc))[1] as period_start
    from aforo_store.ratings
    where ($1::text is null or tenant_id = $1)
      and tenant_id in (select tenant_id from aforo_store.budget_versions)
    group by tenant_id, event_id, time
  ),
  counts as (
    select event.tenant_id, event.event_id, event.time, sum(input_tokens + output_tokens + embedding_tokens) as tokens,
      sum(model_calls) as model_calls, sum(tool_calls) as tool_calls, sum(reasoning_steps) as reasoning_steps
    from aforo_store.events event
    join rated using (tenant_id, event_id, time)
    where event.revision <= rated.revision
    group by event.tenant_id, event.event_id, event.time
  ),
  spent as (
    select tenant_id, encode(trace_id, 'hex') as trace_id, customer_id, product_id, agent, session_id, time,
      coalesce(period_start, date_trunc('month', time at time zone 'UTC') at time zone 'UTC') as month_start,
      aforo_store.spent_at(time, ended_at, recorded_at) as spent_at, rated.price, rated.cogs, rated.credits, tokens,
      counts.model_calls, counts.tool_calls, counts.reasoning_steps
    from rated
    join counts using (tenant_id, event_id, time)
    join aforo_store.events event using (tenant_id, event_id, time, revision)
    union all
    select tenant_id, encode(trace_id, 'hex'), customer_id, product_id, agent, session_id, time, month_start, spent_at,
      price, cogs, credits, tokens, model_calls, tool_calls, reasoning_steps
    from aforo_store.open_spend
    where $1::text is null or tenant_id = $1
  )`

const field = (name: string, column: string) =>
  `(budget.body #>> '{scope,${name}}' is null or ${column} = budget.body #>> '{scope,${name}}'
        or (budget.body #>> '{scope,${name}}' = '*' and ${column} is not null))`
const apart = (name: string, column: string) =>
  `case when budget.body #>> '{scope,${name}}' = '*' then ${column} end`

/** Each use under the budgets that are about it: those of one customer are joined by it, not one with all. */
const TOLD = `
  budget as (
    select * from (
      select distinct on (tenant_id, budget_id) * from aforo_store.budget_versions
      where $1::text is null or tenant_id = $1
      order by tenant_id, budget_id, version desc) newest
    where body is not null
  ),
  met as (
    select budget, spent from budget
    join spent on spent.tenant_id = budget.tenant_id and spent.customer_id = budget.body #>> '{scope,customer}'
    where budget.body #>> '{scope,customer}' <> '*'
    union all
    select budget, spent from budget
    join spent on spent.tenant_id = budget.tenant_id
    where coalesce(budget.body #>> '{scope,customer}', '*') = '*'
  ),
  told as (
    select budget.tenant_id, budget.budget_id, budget.counting_version, budget.body ->> 'window' as span,
      aforo_store.subject_of(array_remove(array[
        ${apart('customer', 'spent.customer_id')}, ${apart('product', 'spent.product_id')},
        ${apart('agent', 'spent.agent')}, ${apart('session', 'spent.session_id')},
        case budget.body ->> 'window' when 'session' then spent.session_id when 'trace' then spent.trace_id end
        ], null)) as subject,
      case when budget.body ->> 'window' <> 'month' then '-infinity'
        when budget.body #>> '{scope,customer}' is null
          then date_trunc('month', spent.time at time zone 'UTC') at time zone 'UTC'
        else spent.month_start end as window_start,
      case budget.body ->> 'window'
        when 'hour' then date_bin('1 minute', spent.spent_at, timestamptz '2000-01-01 00:00:00+00')
        when 'day' then date_bin('15 minutes', spent.spent_at, timestamptz '2000-01-01 00:00:00+00') end as slot,
      case budget.body ->> 'unit' when 'price' then spent.price when 'cogs' then spent.cogs
        when 'credits' then spent.credits when 'tokens' then spent.tokens when 'model_calls' then spent.model_calls
        when 'tool_calls' then spent.tool_calls when 'reasoning_steps' then spent.reasoning_steps
        when 'margin_pct' then spent.price end as used,
      case when budget.body ->> 'unit' = 'margin_pct' then spent.cogs end as cogs
    from (select (met.budget).*, met.spent as use from met) budget
    cross join lateral (select (budget.use).*) spent
    where ${field('customer', 'spent.customer_id')} and ${field('product', 'spent.product_id')}
      and ${field('agent', 'spent.agent')} and ${field('session', 'spent.session_id')}
      and (budget.body ->> 'window' <> 'session' or spent.session_id is not null)
  )`

/** What should be counted, and what is, by counter and slot. Slots that have left the window are not there any more. */
const COUNTER_GAPS = `
  with ${EVENTS}, ${TOLD},
  held as (
    select counter.tenant_id, counter.budget_id, counter.counting_version, counter.subject::jsonb as subject,
      counter.window_start, counter.slots_from, counter.slots, counter.used, counter.used_cogs
    from aforo_store.budget_counters counter
    join budget using (tenant_id, budget_id, counting_version)
  ),
  wanted as (
    select told.tenant_id, told.budget_id, told.counting_version, told.subject, told.window_start, slot,
      coalesce(slot::text, '') as slot_name, sum(told.used) as used, sum(told.cogs) as cogs
    from told
    left join held using (tenant_id, budget_id, counting_version, subject, window_start)
    where slot is null or slot >= coalesce(held.slots_from,
      $2::timestamptz - case told.span when 'hour' then interval '1 hour' else interval '24 hours' end)
    group by told.tenant_id, told.budget_id, told.counting_version, told.subject, told.window_start, slot
  ),
  counted as (
    select tenant_id, budget_id, counting_version, subject, window_start, null::timestamptz as slot, '' as slot_name, used,
      used_cogs as cogs
    from held where slots is null
    union all
    select tenant_id, budget_id, counting_version, subject, window_start, part.key::timestamptz,
      part.key::timestamptz::text, (part.value ->> 0)::numeric, (part.value ->> 1)::numeric
    from held cross join lateral jsonb_each(slots) part where slots is not null
  ),
  differing as (
    select tenant_id, budget_id, subject, window_start, coalesce(wanted.slot, counted.slot) as slot,
      format('counts %s%s, and %s%s was used', trim_scale(coalesce(counted.used, 0)),
        ' at COGS of ' || trim_scale(counted.cogs), trim_scale(coalesce(wanted.used, 0)),
        ' at COGS of ' || trim_scale(wanted.cogs)) as found
    from wanted
    full join counted using (tenant_id, budget_id, counting_version, subject, window_start, slot_name)
    where coalesce(wanted.used, 0) <> coalesce(counted.used, 0)
      or coalesce(wanted.cogs, 0) <> coalesce(counted.cogs, 0)
    union all
    select tenant_id, budget_id, subject, window_start, null, 'is not the sum of its slots'
    from held
    where slots is not null and used <> (
      select coalesce(sum((part.value ->> 0)::numeric), 0) from jsonb_each(slots) part)
  )
  select 'budget counter' as kind, tenant_id,
    concat_ws('/', budget_id, subject::text, nullif(window_start, '-infinity')::text, slot::text) as id, found
  from differing`

/**
 * A trace that is cut and rated counts for nothing beyond, unless a trace that is open has calls of it. Where a cut found
 * nothing new that is seen a moment later.
 */
const SETTLED = `
  select distinct 'open trace' as kind, open.tenant_id, encode(open.trace_id, 'hex') as id,
    'counts beyond its ratings, and is settled' as found
  from aforo_store.open_spend open
  left join aforo_store.traces trace using (tenant_id, trace_id)
  where ($1::text is null or open.tenant_id = $1)
    and trace.cut_due_at is null and not open.mirrored and open.projected_at < $2::timestamptz - interval '1 minute'
    and not exists (
      select from aforo_store.spend_queue queued
      where queued.tenant_id = open.tenant_id and queued.trace_id = open.trace_id)
    and not exists (${waitingEvents('open.tenant_id', 'open.trace_id')})`

/** Counting goes on from the version before where nothing that is counted by has changed. */
const VERSIONS = `
  with told as (
    select *, lag(version) over one as version_before, lag(body) over one as body_before,
      lag(counting_version) over one as counting_before
    from aforo_store.budget_versions
    where $1::text is null or tenant_id = $1
    window one as (partition by tenant_id, budget_id order by version)
  ),
  expected as (
    select *, case
      when body is null then counting_before
      when body_before is null or body -> 'scope' <> body_before -> 'scope'
        or body -> 'unit' <> body_before -> 'unit' or body -> 'window' <> body_before -> 'window' then version
      else counting_before end as counting
    from told
  )
  select 'budget' as kind, tenant_id, budget_id as id,
    case when version <> coalesce(version_before, 0) + 1 then format('has no version before %s', version)
      when body is not distinct from body_before then format('version %s says what the one before says', version)
      else format('version %s counts from %s, not from %s', version, counting_version, counting) end as found
  from expected
  where version <> coalesce(version_before, 0) + 1 or counting_version is distinct from counting
    or body is not distinct from body_before`

import { TOTAL_COLUMNS } from '../../core/event.ts'

const ACCOUNT = `case when granted.rule is null then held.account
  else concat_ws(' ', split_part(held.account, ':', 1), granted.subscription_id, granted.rule, granted.period_start,
    granted.rolled, granted.effective_at) end`

/**
 * What is compared, each selected as `key`, `value`, `charges` and `ordered`, by key. Sums over the revisions of an
 * event: how many revisions there were, when each was made and in which order a period's events were charged is not
 * recorded to the last detail. `assembly`: the newest one, where there is one. `ordered`: the charges are those of meters
 * whose price depends on what was charged before. $1: these meters, as jsonb.
 */
export const COMPARED: readonly { readonly name: string; readonly text: string }[] = [
  {
    name: 'journal',
    text: `select ${key('j.tenant_id', `encode(j.trace_id, 'hex')`)} as key,
        ${value('count(*)', 'sum(j.fingerprint::numeric)')} as value, '' as charges, false as ordered
      from aforo_store.usage_journal j
      join aforo_store.traces t on t.tenant_id = j.tenant_id and t.trace_id = j.trace_id
      where t.revision >= 0 and t.cut_due_at is null
      group by j.tenant_id, j.trace_id`,
  },
  {
    name: 'events',
    text: `select ${key('tenant_id', 'event_id')} as key,
        ${value(
          'min(time)',
          'max(time)',
          ...Object.values(TOTAL_COLUMNS).map((column) => `sum(${column})`),
          `(array_agg(concat_ws('/', customer_id, product_id, agent, session_id) order by revision desc))[1]`,
        )} as value, '' as charges, false as ordered, (array_agg(assembly order by revision desc))[1] as assembly
      from aforo_store.events group by tenant_id, event_id`,
  },
  {
    name: 'ratings',
    text: `with ${ORDERED()}
      select ${key('r.tenant_id', 'r.event_id')} as key,
        ${value(
          'trim_scale(sum(cogs))',
          `(array_agg(concat_ws('/', status, unpriced, coalesce(uncharged, false), customer_id, subscription_id, period_start, plan_id,
            plan_version, currency, fx_rate_id) order by revision desc))[1]`,
        )} as value,
        ${value('trim_scale(sum(price))', 'trim_scale(sum(credits))')} as charges, bool_or(o.event_id is not null) as ordered
      from aforo_store.ratings r left join ordered o on o.tenant_id = r.tenant_id and o.event_id = r.event_id
      group by r.tenant_id, r.event_id`,
  },
  {
    name: 'cost lines',
    text: `select ${key('tenant_id', 'event_id', 'part', 'provider', 'model', 'tool', 'meter', 'service_tier', 'price_row_id::text', 'price_discount_id::text', 'fx_rate_id::text')} as key,
        ${value('trim_scale(sum(quantity))', 'trim_scale(sum(amount))', 'trim_scale(sum(native_amount))', 'trim_scale(min(unit_price))', 'min(per)')} as value,
        '' as charges, false as ordered
      from aforo_store.cost_lines
      group by tenant_id, event_id, part, provider, model, tool, meter, service_tier, price_row_id,
        price_discount_id, fx_rate_id
      having sum(quantity) <> 0 or sum(amount) <> 0`,
  },
  {
    name: 'adjustments',
    text: `select ${key('tenant_id', 'event_id', 'customer_id', 'product_id', 'agent', 'proposal_id::text', 'part', 'provider', 'model', 'tool', 'meter', 'service_tier', 'old_price_row_id::text', 'new_price_row_id::text', 'price_discount_id::text')} as key,
        ${value('trim_scale(sum(quantity))', 'trim_scale(sum(old_amount))', 'trim_scale(sum(new_amount))', 'trim_scale(sum(delta))')} as value,
        '' as charges, false as ordered
      from aforo_store.cogs_adjustments
      group by tenant_id, event_id, customer_id, product_id, agent, proposal_id, part, provider, model, tool, meter,
        service_tier, old_price_row_id, new_price_row_id, price_discount_id
      having sum(quantity) <> 0 or sum(delta) <> 0`,
  },
  {
    name: 'price lines',
    text: `with ${METERS()}
      select ${key('l.tenant_id', 'event_id', 'customer_id', 'subscription_id::text', 'period_start::text', 'l.plan_id', 'l.plan_version::text', 'l.meter_no::text', 'part', 'provider', 'model', 'tool')} as key,
        trim_scale(sum(quantity))::text as value, trim_scale(sum(amount))::text as charges,
        bool_or(m.plan_id is not null) as ordered
      from aforo_store.price_lines l left join meter m on m.tenant_id = l.tenant_id and m.plan_id = l.plan_id
        and m.plan_version = l.plan_version and m.meter_no = l.meter_no
      group by l.tenant_id, event_id, customer_id, subscription_id, period_start, l.plan_id, l.plan_version, l.meter_no,
        part, provider, model, tool
      having sum(quantity) <> 0`,
  },
  {
    name: 'event lines',
    text: `with ${ORDERED()}
      select ${key('l.tenant_id', 'l.event_id', 'customer_id', 'product_id', 'agent', 'part', 'provider', 'model', 'tool', 'unit')} as key,
        ${value('trim_scale(sum(quantity))', 'sum(calls)', 'sum(unpriced_calls)', 'sum(coalesce(unpriced, 0))', 'sum(coalesce(uncharged, 0))', 'trim_scale(sum(cogs))')} as value,
        trim_scale(sum(price))::text as charges, bool_or(o.event_id is not null) as ordered
      from aforo_store.event_lines l left join ordered o on o.tenant_id = l.tenant_id and o.event_id = l.event_id
      group by l.tenant_id, l.event_id, customer_id, product_id, agent, part, provider, model, tool, unit
      having sum(quantity) <> 0 or sum(calls) <> 0 or sum(cogs) <> 0 or sum(unpriced) <> 0 or sum(uncharged) <> 0`,
  },
  {
    name: 'counters',
    text: `select ${key('tenant_id', 'subscription_id::text', 'period_start::text', 'plan_id', 'plan_version::text', 'meter_no::text')} as key,
        ${value('trim_scale(quantity)', 'trim_scale(amount)')} as value, '' as charges, false as ordered
      from aforo_store.meter_counters where quantity <> 0 or amount <> 0`,
  },
  {
    // Grants that a plan made have ids of their own here and there: they are named by their period, and by when what they
    // hold began.
    name: 'credits',
    text: `select ${key('held.tenant_id', 'held.customer_id', ACCOUNT)} as key,
        ${value('trim_scale(held.input - held.output)')} as value, '' as charges, false as ordered
      from aforo_store.credit_balances held
      left join aforo_store.credit_grants granted on granted.tenant_id = held.tenant_id
        and held.account in ('grant:' || granted.grant_id, 'breakage:' || granted.grant_id)
      where held.input <> held.output`,
  },
  {
    name: 'debits',
    text: `with ${ORDERED()}
      select ${key('t.tenant_id', 't.customer_id', 't.event_id')} as key, '' as value,
        trim_scale(sum(case when p.destination = 'usage' then p.amount else -p.amount end))::text as charges,
        bool_or(o.event_id is not null) as ordered
      from aforo_store.credit_transactions t
      join aforo_store.credit_postings p on p.tenant_id = t.tenant_id and p.customer_id = t.customer_id
        and p.transaction_no = t.transaction_no and 'usage' in (p.source, p.destination)
      left join ordered o on o.tenant_id = t.tenant_id and o.event_id = t.event_id
      where t.event_id is not null
      group by t.tenant_id, t.customer_id, t.event_id`,
  },
  {
    // What a person closed is as true as what is open. Failures of a process are no function of the journal.
    name: 'exceptions',
    text: `select ${key('tenant_id', 'exception_id')} as key, ${value('kind', 'event_id', 'reason')} as value,
        '' as charges, false as ordered
      from aforo_store.exceptions
      where (resolved_at is null or resolution not in ('completed', 'no longer true'))
        and reason not in ('rating_failed', 'assembly_failed', 'cut_failed', 'trace_too_large')`,
  },
]

function key(...parts: readonly string[]): string {
  return `concat_ws(' ', ${parts.map((part) => `coalesce(${part}, '-')`).join(', ')})`
}

function value(...parts: readonly string[]): string {
  return `concat_ws(' ', ${parts.map((part) => `coalesce((${part})::text, '-')`).join(', ')})`
}

/** The meters whose price depends on what was charged before. */
function METERS(): string {
  return `meter as (
    select * from jsonb_to_recordset($1::jsonb) as m (tenant_id text, plan_id text, plan_version integer, meter_no integer))`
}

/** The events that such meters charged. */
function ORDERED(): string {
  return `${METERS()}, ordered as (
    select distinct l.tenant_id, l.event_id from aforo_store.price_lines l
    join meter m on m.tenant_id = l.tenant_id and m.plan_id = l.plan_id and m.plan_version = l.plan_version
      and m.meter_no = l.meter_no)`
}

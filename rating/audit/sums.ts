import type pg from 'pg'
import type { AuditReport, AuditScope } from '../../core/audit.ts'
import { askForGaps, countRows } from '../../schema/gap-query.ts'
import { inScope, scopeValues } from '../../schema/in-scope.ts'
import { REPORTED } from '../costs/cost.ts'

/** Compares the tables of the rating with one another as sets, in SQL. */
export async function auditSums(
  client: pg.PoolClient,
  scope: AuditScope,
  report: AuditReport,
): Promise<void> {
  const values = scopeValues(scope)
  const count = (table: string) => `select count(*) from aforo_store.${table} where ${IN_SCOPE}`
  await countRows(client, 'queue', count('events'), values, report)
  await countRows(client, 'sums', count('ratings'), values, report)
  await countRows(client, 'price_rows', count('cost_lines'), values, report)
  await askForGaps(client, { check: 'queue', text: QUEUE, values }, report)
  await askForGaps(client, { check: 'sums', text: SUMS, values }, report)
  await askForGaps(client, { check: 'sums', text: MOVED, values }, report)
  await askForGaps(client, { check: 'price_rows', text: UNIT_PRICES, values }, report)
  await askForGaps(client, { check: 'price_rows', text: AMOUNTS, values }, report)
  await askForGaps(client, { check: 'price_rows', text: SHARES, values }, report)
  await askForGaps(client, { check: 'ratings', text: RATES, values }, report)
  const { rows } = await client.query<{ count: string }>(count('rating_queue'), [...values])
  report.pending('revisions to be rated', Number(rows[0]!.count))
}

const IN_SCOPE = inScope()

/** Where each revision is: written, rated, waiting. It is rated or waits, and after all revisions before it. */
const QUEUE = `
  with place as (
    select tenant_id, event_id, revision, time, 1 as written, 0 as rated, 0 as waiting from aforo_store.events
    where ${IN_SCOPE}
    union all
    select tenant_id, event_id, revision, time, 0, 1, 0 from aforo_store.ratings where ${IN_SCOPE}
    union all
    select tenant_id, event_id, revision, time, 0, 0, 1 from aforo_store.rating_queue where ${IN_SCOPE}
  ), placed as (
    select tenant_id, event_id, revision, sum(written) as written, sum(rated) as rated, sum(waiting) as waiting
    from place
    group by tenant_id, event_id, revision, time
  ), ordered as (
    select *, lag(rated, 1, 1) over (partition by tenant_id, event_id order by revision) as rated_before from placed
  )
  select 'revision' as kind, tenant_id, event_id || '#' || revision as id,
    case when written = 0 then case when rated > 0 then 'is rated and was never cut' else 'waits and was never cut' end
      when rated + waiting = 0 then 'is neither rated nor in the queue'
      when rated + waiting > 1 then 'is rated and in the queue'
      else 'is rated, and the one before it is not' end as found
  from ordered
  where written <> 1 or rated + waiting <> 1 or (rated = 1 and rated_before = 0)`

/** Events that may have gone from one currency to another: each of their revisions says what it is worth in USD. */
const FOREIGN = `
  select distinct tenant_id, event_id, time from aforo_store.ratings
  where ${IN_SCOPE} and revision > 0 and price_usd is not null`

/** Of those the price up to a revision is Σ of the price lines up to it in the currency of that revision. */
const MOVED = `
  with moved as (${FOREIGN}), charged as (
    select tenant_id, event_id, time, line.revision, plan.body->>'currency' as currency, sum(line.amount) as amount
    from moved
    join aforo_store.price_lines line using (tenant_id, event_id, time)
    join aforo_store.plan_versions plan using (tenant_id, plan_id)
    where plan.version = line.plan_version
    group by tenant_id, event_id, time, line.revision, currency
  ), told as (
    select tenant_id, event_id, time, revision, coalesce(currency, 'USD') as currency,
      sum(price) over (partition by tenant_id, event_id, time order by revision) as price
    from aforo_store.ratings join moved using (tenant_id, event_id, time)
  ), compared as (
    select told.*, (
      select coalesce(sum(amount), 0) from charged
      where charged.tenant_id = told.tenant_id and charged.event_id = told.event_id and charged.time = told.time
        and charged.revision <= told.revision and charged.currency = told.currency) as price_lines
    from told
  )
  select 'revision' as kind, tenant_id, event_id || '#' || revision as id,
    format('comes to %s %s, its price lines in it to %s', trim_scale(price), currency, trim_scale(price_lines)) as found
  from compared
  where price <> price_lines`

/**
 * The lines of a revision against its rating. Lines whose revision has no rating at their time stand alone. Each table
 * is added up by itself: adding zeros for the others would cost more than all the rest.
 */
const SUMS = `
  with moved as (${FOREIGN}), cost as (
    select tenant_id, event_id, revision, time, sum(amount) as amount from aforo_store.cost_lines where ${IN_SCOPE}
    group by tenant_id, event_id, revision, time
  ), price as (
    select tenant_id, event_id, revision, time, sum(amount) as amount from aforo_store.price_lines where ${IN_SCOPE}
    group by tenant_id, event_id, revision, time
  ), stack as (
    select tenant_id, event_id, revision, time, sum(cogs) as cogs, sum(price) as price,
      sum(coalesce(price_usd, price)) as usd
    from aforo_store.event_lines where ${IN_SCOPE}
    group by tenant_id, event_id, revision, time
  ), summed as (
    select tenant_id, event_id, revision, rating.cogs is null as unrated, coalesce(rating.cogs, 0) as cogs,
      coalesce(rating.price, 0) as price, coalesce(cost.amount, 0) as cost_lines,
      coalesce(price.amount, 0) as price_lines, coalesce(stack.cogs, 0) as stack_cogs,
      coalesce(stack.price, 0) as stack_price, coalesce(rating.price_usd, rating.price, 0) as usd,
      coalesce(stack.usd, 0) as stack_usd, moved.event_id is not null as is_moved
    from (select * from aforo_store.ratings where ${IN_SCOPE}) rating
    full join cost using (tenant_id, event_id, revision, time)
    full join price using (tenant_id, event_id, revision, time)
    full join stack using (tenant_id, event_id, revision, time)
    left join moved using (tenant_id, event_id, time)
  )
  select 'revision' as kind, tenant_id, event_id || '#' || revision as id,
    case when unrated then 'has lines and no rating'
      when cogs <> cost_lines or cogs <> stack_cogs
        then format('costs %s, its cost lines %s, its event lines %s', trim_scale(cogs), trim_scale(cost_lines),
          trim_scale(stack_cogs))
      when usd <> stack_usd
        then format('is priced %s USD, its event lines %s', trim_scale(usd), trim_scale(stack_usd))
      else format('is priced %s, its price lines %s, its event lines %s', trim_scale(price), trim_scale(price_lines),
        trim_scale(stack_price)) end as found
  from summed
  where unrated or cogs <> cost_lines or cogs <> stack_cogs or (price <> price_lines and not is_moved) or price <> stack_price
    or usd <> stack_usd`

/** By price row: where a line says another unit price than its row, one of the two was changed. */
const UNIT_PRICES = `
  select 'price row' as kind, line.tenant_id, coalesce(line.price_row_id::text, 'none') as id,
    case when line.price_row_id is null then format('cost lines without a row have a price, the first is %s', first)
      when row.price_row_id is null then format('is not there, and %s cost lines name it, the first is %s', lines, first)
      when row.tenant_id not in ('', line.tenant_id) then format('is of another tenant than the cost line %s', first)
      else format('says %s per %s %s, and %s cost lines say otherwise, the first is %s', trim_scale(row.unit_price),
        row.per, row.currency, lines, first) end as found
  from (
    select tenant_id, price_row_id, unit_price, per, currency, count(*) as lines,
      min(event_id || '#' || revision || '/' || line_no) as first,
      bool_or((unit_price is null) <> (amount is null)) as is_half,
      bool_or(coalesce(unit_price, 0) <> 0 or coalesce(amount, 0) <> 0)
        filter (where meter <> '${REPORTED}') as is_priced
    from aforo_store.cost_lines where ${IN_SCOPE}
    group by tenant_id, price_row_id, unit_price, per, currency) line
  left join aforo_store.price_rows row on row.price_row_id = line.price_row_id
  where is_half or (line.price_row_id is null and is_priced) or (line.price_row_id is not null and (
    row.tenant_id is null or row.tenant_id not in ('', line.tenant_id)
    or (row.unit_price, row.per, row.currency) is distinct from (line.unit_price, line.per, line.currency)))`

/**
 * quantity × unit price / per, less the discount and by the rate a line names, to within half of the last digit:
 * multiplied out, so that nothing is rounded here. A line that is the difference of two rounded ones may be off by
 * itself; only of events with such lines sums are taken. A share of a window is off by less than one of the last digit,
 * and is compared with what was spread.
 */
const AMOUNTS = `
  with line as not materialized (
    select line.*, coalesce(discount.discount_pct, 0) as pct, coalesce(rate.usd, 1) as usd,
      case when line.allocated then 1 else 0.5 end as last_digits,
      line.price_discount_id is not null and discount.tenant_id is distinct from line.tenant_id
        or line.fx_rate_id is not null and (rate.tenant_id, rate.currency) is distinct from (line.tenant_id, line.currency)
        or line.unit_price is not null and line.currency <> 'USD' and line.fx_rate_id is null as is_lost
    from aforo_store.cost_lines line
    left join aforo_store.price_discounts discount on discount.price_discount_id = line.price_discount_id
    left join aforo_store.fx_rates rate on rate.fx_rate_id = line.fx_rate_id
    where ${inScope('line')}
  ), doubtful as (
    select distinct tenant_id, event_id from line
    where is_lost or ${isOff('amount', 'quantity', 'usd')} or ${isOff('native_amount', 'quantity', '1')}
  )
  select 'event' as kind, tenant_id, event_id as id,
    case when is_lost then format('names discount %s and rate %s, which are not there for %s', price_discount_id,
        fx_rate_id, currency)
      else format('%s of %s at %s per %s cannot be %s', trim_scale(sum(quantity)), meter, trim_scale(unit_price), per,
        trim_scale(sum(amount))) end as found
  from line join doubtful using (tenant_id, event_id)
  where unit_price is not null
  group by tenant_id, event_id, part, provider, model, tool, meter, service_tier, price_row_id, unit_price, per,
    currency, price_discount_id, fx_rate_id, pct, usd, last_digits, is_lost
  having is_lost or ${isOff('sum(amount)', 'sum(quantity)', 'usd')}
    or ${isOff('sum(native_amount)', 'sum(quantity)', '1')}`

function isOff(amount: string, quantity: string, usd: string): string {
  return `abs(${amount} * per * 100 - ${quantity} * unit_price * (100 - pct) * ${usd}) > per * 100 * last_digits * 0.000000000000000001`
}

/** What an event's rating says of its currency's rate is what that rate says. */
const RATES = `
  select 'event' as kind, rating.tenant_id, rating.event_id as id,
    format('names rate %s at %s USD, which says %s', rating.fx_rate_id, trim_scale(rating.fx_usd),
      coalesce(trim_scale(rate.usd)::text, 'nothing')) as found
  from (select * from aforo_store.ratings where ${IN_SCOPE} and fx_rate_id is not null) rating
  left join aforo_store.fx_rates rate on rate.fx_rate_id = rating.fx_rate_id
  where (rate.tenant_id, rate.currency, rate.usd) is distinct from (rating.tenant_id, rating.currency, rating.fx_usd)`

/**
 * The shares of a window add up to what it cost, where all of them are asked for; what an event's lines say of it is
 * its share.
 */
const SHARES = `
  with spread as (
    select share.tenant_id, share.price_row_id, sum(share.amount) as amount, sum(share.quantity) as quantity
    from aforo_store.allocation_shares share
    where ($1::text is null or share.tenant_id = $1) and $4::text[] is null
    group by 1, 2
  ), charged as (
    select tenant_id, event_id, price_row_id, part, meter, service_tier, sum(amount) as amount
    from aforo_store.cost_lines where ${IN_SCOPE} and allocated
    group by 1, 2, 3, 4, 5, 6
    having sum(quantity) <> 0
  )
  select 'price row' as kind, spread.tenant_id, spread.price_row_id::text as id,
    format('costs %s for %s, and its shares are %s for %s', trim_scale(row.unit_price), row.per,
      trim_scale(spread.amount), trim_scale(spread.quantity)) as found
  from spread left join aforo_store.price_rows row using (price_row_id)
  where (row.unit_price, row.per) is distinct from (spread.amount, spread.quantity)
  union all
  select 'event', charged.tenant_id, charged.event_id,
    format('has %s of window %s, and its share is %s', trim_scale(charged.amount), charged.price_row_id,
      coalesce(trim_scale(share.amount)::text, 'nothing'))
  from charged left join aforo_store.allocation_shares share
    using (tenant_id, event_id, price_row_id, part, meter, service_tier)
  where charged.amount is distinct from share.amount`

import { Decimal, trimNumeric, ZERO } from '../../core/money.ts'
import type { Known } from '../levels.ts'
import { edgeOf, LOOKED_AT_MAX, type Look, type Observation, type Seen, seenOf } from './observation.ts'
import { aboutOf, keyColumn, type ScopeTerms, scopeOf, windowStart } from './scope.ts'

interface Sums {
  readonly key: string
  readonly calls: string
  readonly unpriced: string
  readonly cogs: string
  readonly revenue: string
  readonly unconverted: string
  /** Lines with an unknown cost, and those of them whose price is made of it. */
  readonly without_cost: string
  readonly uncharged: string
  readonly total: string
}

/**
 * Looks at margins over the rule's window, in percent of the revenue in USD, COGS with what back-dated prices make of
 * them. Where a cost is unknown the margin is at best what is told; where revenue is in a currency without a rate, or made of
 * such a cost, nothing is known.
 */
export async function observeMargins(look: Look): Promise<Seen> {
  const judgeFrom = new Decimal(look.rule.judge_from!)
  const beyond = `revenue >= $7::numeric and revenue > 0 and (revenue - cogs) * 100 < $5::numeric * revenue`
  return observeSums(look, beyond, (row) => ({
    known: marginOf(row, judgeFrom),
    figures: {
      revenue: trimNumeric(row.revenue),
      cogs: trimNumeric(row.cogs),
      calls: Number(row.calls),
      unpriced_calls: Number(row.unpriced),
    },
  }))
}

/** Looks at which share of the calls has no known cost. */
export async function observeUnpriced(look: Look): Promise<Seen> {
  const judgeFrom = new Decimal(look.rule.judge_from!)
  const beyond = `calls >= $7::numeric and calls > 0 and unpriced_calls >= $5::numeric * calls`
  return observeSums(look, beyond, (row) => ({
    known: callShare(row.unpriced, row.calls, judgeFrom),
    figures: { calls: Number(row.calls), unpriced_calls: Number(row.unpriced) },
  }))
}

/** Looks at which share of the calls said nothing of their usage. */
export async function observeUnmetered(look: Look): Promise<Seen> {
  const { client, tenantId, rule, levels, open, now } = look
  const terms = scopeOf(rule)
  const judgeFrom = new Decimal(rule.judge_from!)
  const { rows } = await client.query<{ key: string; calls: string; unmetered: string; total: string }>(
    `with summed as (
       select ${keyColumn(terms)} as key, sum(model_calls) as calls, sum(unmetered_calls) as unmetered
       from aforo_store.events
       where tenant_id = $1 and time > $2 and time <= $3 ${onlyOf(terms)}
       group by 1
     )
     select key, calls::text as calls, unmetered::text as unmetered, count(*) over ()::text as total from summed
     where key is not null
       and ((calls >= $7::numeric and calls > 0 and unmetered >= $5::numeric * calls) or key = any ($6::text[]))
     order by key = any ($6::text[]) desc, unmetered desc, key
     limit $8`,
    [
      tenantId,
      windowStart(rule, now),
      now.toISOString(),
      terms.only,
      edgeOf(levels).toFixed(),
      open.map(({ subject }) => subject),
      judgeFrom.toFixed(),
      LOOKED_AT_MAX,
    ],
  )
  const observations = rows.map(
    ({ key, calls, unmetered }): Observation => ({
      subject: key,
      about: aboutOf(terms, key),
      known: callShare(unmetered, calls, judgeFrom),
      figures: { calls: Number(calls), unmetered_calls: Number(unmetered) },
    }),
  )
  return seenOf(rows, observations)
}

/** Sums of the window by whom the rule tells apart: of those who are beyond the mildest threshold, or open. */
async function observeSums(
  { client, tenantId, rule, levels, open, now }: Look,
  beyond: string,
  judge: (row: Sums) => Pick<Observation, 'known' | 'figures'>,
): Promise<Seen> {
  const terms = scopeOf(rule)
  const key = keyColumn(terms)
  const inWindow = `tenant_id = $1 and time > $2 and time <= $3 ${onlyOf(terms)}`
  const { rows } = await client.query<Sums>(
    `with line as (
       select ${key} as key, calls, unpriced_calls, cogs, coalesce(price_usd, price) as revenue,
         coalesce(unconverted, 0) as unconverted, coalesce(unpriced, 0) as without_cost, coalesce(uncharged, 0) as uncharged
       from aforo_store.event_lines where ${inWindow}
       union all
       select ${key}, 0, 0, delta, 0, 0, 0, 0 from aforo_store.cogs_adjustments where ${inWindow}
     ), summed as (
       select key, sum(calls) as calls, sum(unpriced_calls) as unpriced_calls, sum(cogs) as cogs,
         sum(revenue) as revenue, sum(unconverted) as unconverted, sum(without_cost) as without_cost, sum(uncharged) as uncharged
       from line where key is not null
       group by key
     )
     select key, calls::text as calls, unpriced_calls::text as unpriced, cogs::text as cogs,
       revenue::text as revenue, unconverted::text as unconverted, without_cost::text as without_cost,
       uncharged::text as uncharged, count(*) over ()::text as total
     from summed
     where (${beyond}) or key = any ($6::text[])
     order by key = any ($6::text[]) desc, revenue desc, key
     limit $8`,
    [
      tenantId,
      windowStart(rule, now),
      now.toISOString(),
      terms.only,
      edgeOf(levels).toFixed(),
      open.map(({ subject }) => subject),
      rule.judge_from!,
      LOOKED_AT_MAX,
    ],
  )
  return seenOf(
    rows,
    rows.map((row) => ({ subject: row.key, about: aboutOf(terms, row.key), ...judge(row) })),
  )
}

function onlyOf(terms: ScopeTerms): string {
  const column = terms.field === null ? `''` : keyColumn(terms)
  return `and ($4::text is null or ${column} = $4)`
}

function marginOf(row: Sums, judgeFrom: Decimal): Known {
  const { revenue, cogs, unpriced, unconverted, without_cost: withoutCost, uncharged } = row
  if (unconverted !== '0' || uncharged !== '0') return { certainty: 'unknown' }
  const price = new Decimal(revenue)
  if (price.lessThanOrEqualTo(ZERO) || price.lessThan(judgeFrom)) return { certainty: 'nothing' }
  const value = price.minus(cogs).times(100).div(price)
  return { certainty: unpriced === '0' && withoutCost === '0' ? 'exact' : 'at_best', value }
}

function callShare(part: string, calls: string, judgeFrom: Decimal): Known {
  const whole = new Decimal(calls)
  if (whole.lessThanOrEqualTo(ZERO) || whole.lessThan(judgeFrom)) return { certainty: 'nothing' }
  return { certainty: 'exact', value: new Decimal(part).div(whole) }
}

import { ALERT_WINDOW_MS } from '../../core/alert.ts'
import { Decimal, trimNumeric } from '../../core/money.ts'
import { anomalyOf, DAYS_MAX } from '../anomaly.ts'
import { LOOKED_AT_MAX, type Look, type Observation, type Seen, seenOf } from './observation.ts'
import { aboutOf, keyColumn, scopeOf } from './scope.ts'

interface SpendRow {
  readonly key: string
  /** Of the window by now, and of the same one day earlier, and so on. */
  readonly spends: readonly string[]
  readonly unconverted: string
  readonly total: string
}

/**
 * Looks at what was spent in the rule's window, and compares it with the same time of earlier days: `anomalyOf`. Who
 * spent less than the rule judges is left out.
 */
export async function observeSpend(look: Look): Promise<Seen> {
  const { client, tenantId, rule, open, now } = look
  const terms = scopeOf(rule)
  const judgeFrom = new Decimal(rule.judge_from!)
  const { rows } = await client.query<SpendRow>(
    spendText(keyColumn(terms), rule.spend === 'cogs' ? 'cogs' : 'coalesce(price_usd, price)'),
    [
      tenantId,
      now.toISOString(),
      ALERT_WINDOW_MS[rule.window!] / 1000,
      terms.only,
      rule.judge_from!,
      open.map(({ subject }) => subject),
      DAYS_MAX,
      LOOKED_AT_MAX,
    ],
  )
  const observations = rows.map(({ key, spends, unconverted }): Observation => {
    const [spend, ...earlier] = spends.map((text) => new Decimal(text)) as [Decimal, ...Decimal[]]
    const anomaly = anomalyOf(spend, earlier, judgeFrom)
    const isKnown = rule.spend === 'cogs' || unconverted === '0'
    return {
      subject: key,
      about: aboutOf(terms, key),
      known: !isKnown
        ? { certainty: 'unknown' }
        : anomaly === null
          ? { certainty: 'nothing' }
          : { certainty: 'exact', value: anomaly.score },
      figures: {
        spend: trimNumeric(spend.toFixed()),
        median: anomaly?.median.toFixed() ?? null,
        spread: anomaly?.spread.toFixed() ?? null,
        days: anomaly?.days ?? null,
      },
    }
  })
  return seenOf(rows, observations)
}

/** Each day's window is a range of the index by time; what lies between them is not read. */
const spendText = (key: string, spend: string) => `
  with line as (
    select day, ${key} as key, ${spend} as spend, coalesce(unconverted, 0) + coalesce(uncharged, 0) as unconverted
    from generate_series(0, $7::integer) as day
    cross join lateral (
      select * from aforo_store.event_lines
      where tenant_id = $1
        and time > $2::timestamptz - day * interval '24 hours' - $3::integer * interval '1 second'
        and time <= $2::timestamptz - day * interval '24 hours'
        and ($4::text is null or ${key} = $4)) line
  ), daily as (
    select key, day, sum(spend) as spend, sum(unconverted) as unconverted
    from line where key is not null
    group by key, day
  ), wanted as (
    select key, spend from daily where day = 0 and (spend >= $5::numeric or key = any ($6::text[]))
    union
    select open, 0 from unnest($6::text[]) as open
    where not exists (select from daily where day = 0 and key = open)
  ), meant as (
    select *, count(*) over () as total from wanted
    order by key = any ($6::text[]) desc, spend desc, key
    limit $8
  )
  select meant.key, array_agg(coalesce(daily.spend, 0)::text order by day.day) as spends,
    coalesce(sum(daily.unconverted), 0)::text as unconverted, max(total)::text as total
  from meant
  cross join generate_series(0, $7::integer) as day (day)
  left join daily on daily.key = meant.key and daily.day = day.day
  group by meant.key`

import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'
import type { Key } from '../cursor.ts'

/** What margins can be told by, and the column of the lines that says it. Two columns where a name needs the other. */
const GROUPINGS = {
  model: ['model', 'provider'],
  provider: ['provider'],
  customer: ['customer_id'],
  product: ['product_id'],
  agent: ['agent'],
  day: [`(time at time zone 'UTC')::date`],
} as const satisfies Record<string, readonly [string, string?]>
export type Grouping = keyof typeof GROUPINGS
/** How a key is told, where it is no text: a day is written once for each group, not for each of a million lines. */
const KEY_TEXT: Readonly<Partial<Record<Grouping, string>>> = { day: `to_char(key, 'YYYY-MM-DD')` }
export const GROUPING_NAMES = Object.keys(GROUPINGS) as [Grouping, ...Grouping[]]

/** Sums over the lines of one group, in USD. `cogs` and `revenue` are the parts that are known. */
export interface MarginRow {
  readonly key: string | null
  readonly second: string | null
  readonly calls: string
  readonly unpricedCalls: string
  readonly cogs: string
  readonly revenue: string
  /** Lines whose price is in a currency without a rate. */
  readonly unconverted: string
  /** Lines with an unknown cost, and those of them whose price is made of it. */
  readonly unpriced: string
  readonly uncharged: string
}

/** The types of a margin's sort key: per column whether it is empty, and its text. Empty ones come last. */
export const MARGIN_KEY = ['boolean', 'string', 'boolean', 'string'] as const

export function marginKey(row: MarginRow): Key {
  return [row.key === null, row.key ?? '', row.second === null, row.second ?? '']
}

/**
 * Margins by group, over event time in [from, to), in the order of their keys. Lines are differences, so that sums
 * over them hold whatever was corrected since. COGS are with what back-dated prices make of them.
 */
export async function readMargins(
  client: pg.PoolClient,
  tenantId: TenantId,
  query: {
    groupBy: Grouping
    from?: string | undefined
    to?: string | undefined
    after: Key | null
    rows: number
  },
): Promise<MarginRow[]> {
  const [first, second = 'null::text'] = GROUPINGS[query.groupBy] as readonly [string, string?]
  const { rows } = await client.query<MarginRow>(
    `with summed as (
       select key, second, sum(calls) as calls, sum(unpriced_calls) as unpriced_calls, sum(cogs) as cogs,
         sum(revenue) as revenue, sum(unconverted) as unconverted, sum(unpriced) as unpriced,
         sum(uncharged) as uncharged
       from (
         select ${first} as key, ${second} as second, calls, unpriced_calls, cogs,
           coalesce(price_usd, price) as revenue, coalesce(unconverted, 0) as unconverted,
           coalesce(unpriced, 0) as unpriced, coalesce(uncharged, 0) as uncharged
         from aforo_store.event_lines
         where ${IN_TIME}
         union all
         select ${first}, ${second}, 0, 0, delta, 0, 0, 0, 0 from aforo_store.cogs_adjustments
         where ${IN_TIME}) line
       group by 1, 2
     ),
     grouped as (
       select ${KEY_TEXT[query.groupBy] ?? 'key'} as key, second, calls, unpriced_calls, cogs, revenue, unconverted,
         unpriced, uncharged
       from summed
     ),
     keyed as (
       select *, array[(key is null)::int::text, coalesce(key, ''), (second is null)::int::text, coalesce(second, '')]
         collate "C" as sort_key
       from grouped
       where calls <> 0 or cogs <> 0 or revenue <> 0 or unconverted <> 0 or unpriced <> 0 or uncharged <> 0
     )
     select key, second, calls, unpriced_calls as "unpricedCalls", cogs, revenue, unconverted, unpriced,
       uncharged
     from keyed
     where $4::text[] is null or sort_key > $4::text[] collate "C"
     order by sort_key
     limit $5`,
    [tenantId, query.from ?? null, query.to ?? null, query.after?.map(keyText) ?? null, query.rows],
  )
  return rows
}

const IN_TIME = `tenant_id = $1
  and ($2::timestamptz is null or time >= $2) and ($3::timestamptz is null or time < $3)`

function keyText(part: string | number | boolean): string {
  return typeof part === 'boolean' ? (part ? '1' : '0') : String(part)
}

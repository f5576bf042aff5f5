import type pg from 'pg'
import { Decimal } from '../../../core/money.ts'

const DAYS = 30

/** Each model's share of the COGS of the last 30 days, of one tenant or all together, by `provider\0model`. */
export async function cogsShares(
  client: pg.PoolClient,
  now: Date,
  tenantId: string | null = null,
): Promise<ReadonlyMap<string, Decimal>> {
  const { rows } = await client.query<{ provider: string; model: string; share: string }>(
    `with spent as (
       select price_row_id, sum(amount) as amount from aforo_store.cost_lines
       where time >= $1::timestamptz - interval '${DAYS} days' and time < $1::timestamptz + interval '1 day'
         and ($2::text is null or tenant_id = $2)
       group by price_row_id
     ), total as (select sum(amount) as amount from spent)
     select row.provider, row.model, (sum(spent.amount) / total.amount)::text as share
     from spent
     join aforo_store.price_rows row using (price_row_id)
     cross join total
     where total.amount > 0
     group by row.provider, row.model, total.amount`,
    [now.toISOString(), tenantId],
  )
  return new Map(rows.map(({ provider, model, share }) => [`${provider}\0${model}`, new Decimal(share)]))
}

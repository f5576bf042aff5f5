import { Decimal, trimNumeric } from '../../core/money.ts'
import { edgeOf, LOOKED_AT_MAX, type Look, type Observation, type Seen, seenOf } from './observation.ts'

/**
 * Looks at the credits that customers hold: what is left of the grants that pay now, less what their open traces use up.
 * Only of customers who were ever granted any. Those who hold enough are left out.
 */
export async function observeWallets({ client, tenantId, rule, levels, open, now }: Look): Promise<Seen> {
  const { rows } = await client.query<{ customer: string; granted: string; running: string; total: string }>({
    name: 'alerts-wallets',
    text: WALLETS,
    values: [
      tenantId,
      rule.scope?.customer ?? '*',
      now.toISOString(),
      edgeOf(levels).toFixed(),
      open.map(({ subject }) => subject),
      LOOKED_AT_MAX,
    ],
  })
  const observations = rows.map(
    ({ customer, granted, running }): Observation => ({
      subject: customer,
      about: { customer },
      known: { certainty: 'exact', value: new Decimal(granted).minus(running) },
      figures: { granted: trimNumeric(granted), running: trimNumeric(running) },
    }),
  )
  return seenOf(rows, observations)
}

const WALLETS = `
  with held as (
    select granted.customer_id as customer,
      coalesce(sum(balance.input - balance.output) filter (
        where coalesce(granted.effective_at, '-infinity') <= $3 and coalesce(granted.expires_at, 'infinity') > $3), 0)
        as granted
    from aforo_store.credit_grants granted
    join aforo_store.credit_balances balance
      on balance.tenant_id = granted.tenant_id and balance.customer_id = granted.customer_id
      and balance.account = 'grant:' || granted.grant_id
    where granted.tenant_id = $1 and ($2 = '*' or granted.customer_id = $2)
    group by granted.customer_id
  ), running as (
    select customer_id as customer, sum(credits) as running from aforo_store.open_spend
    where tenant_id = $1 and customer_id is not null and ($2 = '*' or customer_id = $2)
    group by customer_id
  )
  select customer, granted::text as granted, coalesce(running, 0)::text as running, count(*) over ()::text as total
  from held left join running using (customer)
  where granted - coalesce(running, 0) < $4::numeric or customer = any ($5::text[])
  order by customer = any ($5::text[]) desc, granted - coalesce(running, 0), customer
  limit $6`

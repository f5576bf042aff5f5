import type pg from 'pg'
import type { Budget } from '../../core/budget.ts'
import type { TenantId } from '../../core/ids.ts'
import type { CounterKey } from '../../core/lease.ts'
import { trimNumeric } from '../../core/money.ts'

type Queryable = Pick<pg.ClientBase, 'query'>

/** How a counter stands. Amounts are decimal text in the budget's unit. */
export interface Standing {
  readonly key: CounterKey
  readonly version: number
  readonly used: string
  /** Of a margin floor, whose `used` is the price. Null: unknown. */
  readonly usedCogs: string | null
  readonly leased: string
  /** What the budget says by now; null: it has ended, or counts anew under another number. */
  readonly budget: Budget | null
  /** Of a wallet, what it holds and what of it was used; of every other budget what it says. */
  readonly limit: string | null
}

/**
 * Reads how counters stand at an instant, in the order of the keys; a counter without a row has used nothing. Slots of a
 * rolling window that have left it do not count.
 */
export async function readStandings(
  client: Queryable,
  tenantId: TenantId,
  keys: readonly CounterKey[],
  now: Date,
): Promise<readonly Standing[]> {
  if (keys.length === 0) return []
  const { rows } = await client.query<StandingRow>({
    name: 'budget-standings',
    text: STANDINGS,
    values: [tenantId, ...columnsOf(keys), now.toISOString()],
  })
  return rows.map((row) => {
    const key = keys[row.no - 1]!
    const budget = row.counting_version === key.counting ? row.body : null
    const isWallet = budget?.limit === 'balance'
    return {
      key,
      version: Number(row.version),
      used: trimNumeric(row.used),
      usedCogs: row.used_cogs === null ? null : trimNumeric(row.used_cogs),
      leased: trimNumeric(row.leased),
      budget,
      limit: isWallet ? trimNumeric(row.wallet ?? '0') : (budget?.limit ?? null),
    }
  })
}

/** Keys as the arrays that statements unnest. */
export function columnsOf(keys: readonly CounterKey[]) {
  return [
    keys.map((key) => key.budgetId),
    keys.map((key) => key.counting),
    keys.map((key) => key.subject),
    keys.map((key) => key.windowStart),
  ] as const
}

interface StandingRow {
  readonly no: number
  readonly counting_version: number | null
  readonly body: Budget | null
  readonly version: string
  readonly used: string
  readonly used_cogs: string | null
  readonly leased: string
  readonly wallet: string | null
}

const STANDINGS = `
  with key as (
    select * from unnest($2::text[], $3::integer[], $4::text[], $5::timestamptz[]) with ordinality
      as key (budget_id, counting_version, subject, window_start, no)
  )
  select key.no::integer as no, current.counting_version, current.body,
    coalesce(counter.version, 0)::text as version, coalesce(rolling.used, counter.used, 0)::text as used,
    (case when counter.slots is null then counter.used_cogs else rolling.used_cogs end)::text as used_cogs,
    coalesce(counter.leased, 0)::text as leased,
    case when current.body ->> 'limit' = 'balance' then coalesce(counter.used, 0)
      + (select coalesce(sum(balance.input - balance.output), 0)
         from aforo_store.credit_grants granted
         join aforo_store.credit_balances balance
           on balance.tenant_id = granted.tenant_id and balance.customer_id = granted.customer_id
           and balance.account = 'grant:' || granted.grant_id
         where granted.tenant_id = $1 and granted.customer_id = owner.customer_id
           and coalesce(granted.effective_at, '-infinity') <= $6 and coalesce(granted.expires_at, 'infinity') > $6)
      - (select coalesce(sum(credits), 0) from aforo_store.open_spend
         where tenant_id = $1 and customer_id = owner.customer_id)
    end::text as wallet
  from key
  left join lateral (
    select counting_version, body from aforo_store.budget_versions
    where tenant_id = $1 and budget_id = key.budget_id order by version desc limit 1
  ) current on true
  left join lateral (
    select case when current.body #>> '{scope,customer}' = '*' then key.subject::jsonb ->> 0
      else current.body #>> '{scope,customer}' end as customer_id
  ) owner on true
  left join lateral (
    select version, used, used_cogs, leased, slots from aforo_store.budget_counters
    where tenant_id = $1 and budget_id = key.budget_id and counting_version = key.counting_version
      and subject = key.subject and window_start = key.window_start offset 0
  ) counter on true
  left join lateral (
    select coalesce(sum((slot.value ->> 0)::numeric), 0) as used, sum((slot.value ->> 1)::numeric) as used_cogs
    from jsonb_each(counter.slots) slot
    where slot.key::timestamptz > $6::timestamptz - case current.body ->> 'window'
      when 'hour' then interval '61 minutes' else interval '24 hours 15 minutes' end
  ) rolling on counter.slots is not null
  order by key.no`

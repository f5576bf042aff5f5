import type pg from 'pg'
import type { TenantId } from '../../../core/ids.ts'
import { Decimal } from '../../../core/money.ts'
import { isOf } from '../bills/reconcile.ts'
import { readReconciled } from '../bills/vendor-bills.ts'
import type { BilledMonth, NoticeFacts } from './notices.ts'

const DAY_MS = 86_400_000
/** Bills that are older say nothing new. */
const BILL_DAYS = 92
/** A provider's invoice takes its time. */
const BILL_GRACE_DAYS = 7

/** What providers charged of late, and who has not been compared for the month that is over. */
export async function readBilled(
  client: pg.PoolClient,
  tenantId: TenantId | null,
  now: Date,
): Promise<Pick<NoticeFacts, 'bills' | 'unbilled'>> {
  const from = new Date(now.getTime() - BILL_DAYS * DAY_MS).toISOString()
  const bills = await readReconciled(client, tenantId, { from })
  const months = Map.groupBy(bills, ({ tenant, provider, model, from: begun }) =>
    JSON.stringify([tenant, provider, model, begun.slice(0, 7)]),
  )
  const end = Date.UTC(now.getUTCFullYear(), now.getUTCMonth())
  const isClosed = now.getTime() >= end + BILL_GRACE_DAYS * DAY_MS
  const start = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1)
  const costs = isClosed ? await readProviders(client, tenantId, start, end) : []
  const month = new Date(start).toISOString().slice(0, 7)
  const unbilled = costs.filter(
    ({ tenant, provider }) =>
      !bills.some(
        (bill) =>
          bill.tenant === tenant &&
          isOf({ ...bill, model: null }, { provider, model: null }) &&
          Date.parse(bill.from) < end &&
          Date.parse(bill.to) > start,
      ),
  )
  return {
    bills: [...months.values()].map((group): BilledMonth => {
      const sum = (column: 'usd' | 'cogs') =>
        group.reduce((total, bill) => total.plus(bill[column]), new Decimal(0))
      const { provider, model, from: begun } = group[0]!
      return { provider, model, month: begun.slice(0, 7), usd: sum('usd'), cogs: sum('cogs') }
    }),
    unbilled: unbilled.map(({ provider }) => ({ provider, month, at: new Date(end).toISOString() })),
  }
}

async function readProviders(client: pg.PoolClient, tenantId: TenantId | null, start: number, end: number) {
  const { rows } = await client.query<{ tenant: string; provider: string }>(
    `select tenant_id as tenant, provider
     from aforo_store.event_lines
     where ($1::text is null or tenant_id = $1) and time >= $2 and time < $3 and provider is not null
     group by 1, 2
     having sum(cogs) > 0
     order by 1, 2`,
    [tenantId, new Date(start).toISOString(), new Date(end).toISOString()],
  )
  return rows
}

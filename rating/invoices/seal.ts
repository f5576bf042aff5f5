import type pg from 'pg'
import type { Period } from '../period.ts'
import type { UnitBill } from './billed.ts'
import { partsOf, unitsWithin } from './calendar.ts'
import { type CounterRow, type CustomerBooks, cutoffText, readCounters } from './customer-books.ts'

/** What an invoice is made of, held still until the transaction ends. */
export interface HeldBooks {
  readonly counters: readonly CounterRow[]
  /** When anything in it was moved last, microseconds since 1970. */
  readonly movedAt: number
}

/**
 * Holds the counters of a customer and the wallet, as a rating does and in its order: first the counters, then the
 * wallet. Counters that the period may yet need are made, so that what comes later finds their clock.
 */
export async function holdBooks(
  client: pg.ClientBase,
  tenantId: string,
  customerId: string,
  books: CustomerBooks,
  period: Period,
): Promise<HeldBooks> {
  await makeCounters(client, tenantId, books, period)
  const counters = await readCounters(client, tenantId, books.terms, true)
  await client.query(
    `insert into aforo_store.credit_wallets (tenant_id, customer_id) values ($1, $2) on conflict do nothing`,
    [tenantId, customerId],
  )
  const { rows } = await client.query<{ micros: string }>(
    `select coalesce((extract(epoch from recorded_at) * 1000000)::bigint, 0)::text as micros
     from aforo_store.credit_wallets where tenant_id = $1 and customer_id = $2 for update`,
    [tenantId, customerId],
  )
  const movedAt = counters.reduce((latest, { ratedAt }) => Math.max(latest, ratedAt), Number(rows[0]!.micros))
  return { counters, movedAt }
}

/** Sets the clocks of what was billed to the cutoff at least: whatever moves it from now on is rated, or posted, after. */
export async function sealBooks(
  client: pg.ClientBase,
  tenantId: string,
  customerId: string,
  bills: readonly UnitBill[],
  cutoff: number,
): Promise<void> {
  await client.query(
    `update aforo_store.meter_counters counter set rated_at = greatest(counter.rated_at, $4)
     from unnest($2::bigint[], $3::timestamptz[]) as billed (subscription_id, period_start)
     where counter.tenant_id = $1 and counter.subscription_id = billed.subscription_id
       and counter.period_start = billed.period_start`,
    [
      tenantId,
      bills.map((bill) => bill.subscriptionId),
      bills.map((bill) => new Date(bill.periodStart).toISOString()),
      cutoffText(cutoff),
    ],
  )
  await client.query(
    `update aforo_store.credit_wallets set recorded_at = greatest(recorded_at, $3)
     where tenant_id = $1 and customer_id = $2`,
    [tenantId, customerId, cutoffText(cutoff)],
  )
}

async function makeCounters(
  client: pg.ClientBase,
  tenantId: string,
  books: CustomerBooks,
  period: Period,
): Promise<void> {
  const keys = unitsWithin(books.terms, period).flatMap((unit) => {
    const { subscriptionId, planId } = unit.term
    return partsOf(unit, books.versionsOf(planId)).flatMap(({ version }) =>
      books.planOf(planId, version).meters.map((_, meterNo) => ({
        subscriptionId,
        start: new Date(unit.period.start).toISOString(),
        planId,
        version,
        meterNo,
      })),
    )
  })
  await client.query(
    `insert into aforo_store.meter_counters
       (tenant_id, subscription_id, period_start, plan_id, plan_version, meter_no)
     select $1, key.* from unnest($2::bigint[], $3::timestamptz[], $4::text[], $5::integer[], $6::integer[]) as key
     order by 1, 2, 3, 4, 5, 6
     on conflict do nothing`,
    [
      tenantId,
      keys.map((key) => key.subscriptionId),
      keys.map((key) => key.start),
      keys.map((key) => key.planId),
      keys.map((key) => key.version),
      keys.map((key) => key.meterNo),
    ],
  )
}

import { and, eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'
import { Decimal } from '../../core/money.ts'
import { meterCounters } from '../../schema/tables.ts'

/** A period of a subscription under a version of its plan. */
export interface CountedPeriod {
  readonly subscriptionId: bigint
  readonly planId: string
  readonly version: number
  /** Milliseconds since 1970. */
  readonly start: number
}

/** What each meter has counted; meters that counted nothing may be left out. */
export async function readMeterTotals(
  client: pg.PoolClient,
  tenantId: TenantId,
  period: CountedPeriod,
): Promise<{ readonly meterNo: number; readonly quantity: Decimal }[]> {
  const rows = await drizzle(client)
    .select({ meterNo: meterCounters.meterNo, quantity: meterCounters.quantity })
    .from(meterCounters)
    .where(
      and(
        eq(meterCounters.tenantId, tenantId),
        eq(meterCounters.subscriptionId, period.subscriptionId),
        eq(meterCounters.periodStart, new Date(period.start).toISOString()),
        eq(meterCounters.planId, period.planId),
        eq(meterCounters.planVersion, period.version),
      ),
    )
  return rows.map(({ meterNo, quantity }) => ({ meterNo, quantity: new Decimal(quantity) }))
}

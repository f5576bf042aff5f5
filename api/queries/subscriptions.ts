import { and, desc, eq, lte, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'
import { subscriptions } from '../../schema/tables.ts'
import { lockName } from './lock.ts'

export type SubscriptionRow = typeof subscriptions.$inferSelect

/** What a customer is put on. */
export interface WantedSubscription {
  readonly plan: string
  readonly from: string
  /** Absent, as the anchor day may be: that of the subscription in force then, else UTC and the first. */
  readonly timezone?: string | undefined
  readonly anchor_day?: number | undefined
}

/** The subscription in force at an instant: the one that began last, of two that began together the later recorded. */
export async function readSubscription(
  client: pg.PoolClient,
  tenantId: TenantId,
  customerId: string,
  at: string,
): Promise<SubscriptionRow | undefined> {
  const [row] = await drizzle(client)
    .select()
    .from(subscriptions)
    .where(
      and(
        eq(subscriptions.tenantId, tenantId),
        eq(subscriptions.customerId, customerId),
        lte(subscriptions.effectiveFrom, at),
      ),
    )
    .orderBy(
      desc(subscriptions.effectiveFrom),
      desc(subscriptions.recordedAt),
      desc(subscriptions.subscriptionId),
    )
    .limit(1)
  return row
}

/** Adds a subscription, unless the one that begins at that very instant says the same already. */
export async function addSubscription(
  client: pg.PoolClient,
  tenantId: TenantId,
  customerId: string,
  wanted: WantedSubscription,
  now: Date,
): Promise<{ row: SubscriptionRow; isNew: boolean }> {
  await lockName(client, ['subscription', tenantId, customerId])
  // The customer's invoices hold this while they are made: what is recorded after one is not in it.
  await lockName(client, ['invoices', tenantId, customerId])
  const before = await readSubscription(client, tenantId, customerId, wanted.from)
  const { timezone = before?.timezone ?? 'UTC', anchor_day: anchorDay = before?.anchorDay ?? 1 } = wanted
  const isSame =
    before !== undefined &&
    Date.parse(before.effectiveFrom) === Date.parse(wanted.from) &&
    before.planId === wanted.plan &&
    before.timezone === timezone &&
    before.anchorDay === anchorDay
  if (isSame) return { row: before, isNew: false }
  const [row] = await drizzle(client)
    .insert(subscriptions)
    .values({
      tenantId,
      customerId,
      planId: wanted.plan,
      effectiveFrom: wanted.from,
      timezone,
      anchorDay,
      recordedAt: sql`greatest(${now.toISOString()}::timestamptz, (
        select max(cutoff) from aforo_store.invoices where tenant_id = ${tenantId} and customer_id = ${customerId}))`,
    })
    .returning()
  return { row: row!, isNew: true }
}

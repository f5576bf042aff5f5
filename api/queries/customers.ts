import { and, asc, eq, gt, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'
import { customers } from '../../schema/tables.ts'

export type CustomerRow = typeof customers.$inferSelect

export async function readCustomer(
  client: pg.PoolClient,
  tenantId: TenantId,
  customerId: string,
): Promise<CustomerRow | undefined> {
  const [row] = await drizzle(client)
    .select()
    .from(customers)
    .where(and(eq(customers.tenantId, tenantId), eq(customers.customerId, customerId)))
  return row
}

/** Customers in the order of their ids, which is that of their bytes. */
export async function listCustomers(
  client: pg.PoolClient,
  tenantId: TenantId,
  page: { after: string | null; rows: number },
): Promise<CustomerRow[]> {
  const id = sql`${customers.customerId} collate "C"`
  return drizzle(client)
    .select()
    .from(customers)
    .where(and(eq(customers.tenantId, tenantId), page.after === null ? undefined : gt(id, page.after)))
    .orderBy(asc(id))
    .limit(page.rows)
}

/** What stands on a customer's invoices. Null takes a field away, undefined keeps it. */
export type CustomerDetails = {
  readonly [Field in 'name' | 'address' | 'taxId' | 'taxRatePct' | 'taxLabel']?: string | null | undefined
}

/** Makes the customer, or changes those of its details that are given. */
export async function putCustomer(
  client: pg.PoolClient,
  tenantId: TenantId,
  customerId: string,
  details: CustomerDetails,
  now: Date,
): Promise<{ row: CustomerRow; isNew: boolean }> {
  const db = drizzle(client)
  const made = await db
    .insert(customers)
    .values({ tenantId, customerId, ...details, recordedAt: now.toISOString() })
    .onConflictDoNothing()
    .returning()
  if (made[0]) return { row: made[0], isNew: true }
  const [row] = await db
    .update(customers)
    // Drizzle leaves out what is undefined, and refuses to set nothing.
    .set({
      name: sql`name`,
      ...Object.fromEntries(Object.entries(details).filter(([, to]) => to !== undefined)),
    })
    .where(and(eq(customers.tenantId, tenantId), eq(customers.customerId, customerId)))
    .returning()
  return { row: row!, isNew: false }
}

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

/** Makes the customer, or gives it another name where one is given. Null takes the name away, undefined keeps it. */
export async function putCustomer(
  client: pg.PoolClient,
  tenantId: TenantId,
  customerId: string,
  name: string | null | undefined,
  now: Date,
): Promise<{ row: CustomerRow; isNew: boolean }> {
  const db = drizzle(client)
  const made = await db
    .insert(customers)
    .values({ tenantId, customerId, name: name ?? null, recordedAt: now.toISOString() })
    .onConflictDoNothing()
    .returning()
  if (made[0]) return { row: made[0], isNew: true }
  const [row] = await db
    .update(customers)
    .set(name === undefined ? { name: sql`name` } : { name })
    .where(and(eq(customers.tenantId, tenantId), eq(customers.customerId, customerId)))
    .returning()
  return { row: row!, isNew: false }
}

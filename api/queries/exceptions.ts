import { and, desc, eq, isNotNull, isNull, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'
import type { TokenBuckets } from '../../core/usage.ts'
import { attributions, exceptions, statedUsage, traces } from '../../schema/tables.ts'
import type { Key } from '../cursor.ts'

export type ExceptionRow = typeof exceptions.$inferSelect

/** The types of an exception's sort key: recorded at, id. */
export const EXCEPTION_KEY = ['string', 'string'] as const

export function exceptionKey(row: ExceptionRow): Key {
  return [row.recordedAt, row.exceptionId]
}

/** Exceptions, the last recorded first. */
export async function listExceptions(
  client: pg.PoolClient,
  tenantId: TenantId,
  filter: { kind?: string | undefined; resolved: 'true' | 'false' | 'all' },
  page: { after: Key | null; rows: number },
): Promise<ExceptionRow[]> {
  const resolved = {
    true: isNotNull(exceptions.resolvedAt),
    false: isNull(exceptions.resolvedAt),
    all: undefined,
  }[filter.resolved]
  return drizzle(client)
    .select()
    .from(exceptions)
    .where(
      and(
        eq(exceptions.tenantId, tenantId),
        filter.kind === undefined ? undefined : eq(exceptions.kind, filter.kind),
        resolved,
        page.after === null
          ? undefined
          : sql`(${exceptions.recordedAt}, ${exceptions.exceptionId}) < (${page.after[0]}, ${page.after[1]})`,
      ),
    )
    .orderBy(desc(exceptions.recordedAt), desc(exceptions.exceptionId))
    .limit(page.rows)
}

/** One exception, locked until the transaction ends. */
export async function lockException(
  client: pg.PoolClient,
  tenantId: TenantId,
  exceptionId: string,
): Promise<ExceptionRow | undefined> {
  const [row] = await drizzle(client)
    .select()
    .from(exceptions)
    .where(and(eq(exceptions.tenantId, tenantId), eq(exceptions.exceptionId, exceptionId)))
    .for('update')
  return row
}

/** Closes an exception with a note. */
export async function closeException(
  client: pg.PoolClient,
  row: ExceptionRow,
  note: string,
  now: Date,
): Promise<ExceptionRow> {
  const [closed] = await drizzle(client)
    .update(exceptions)
    .set({ resolvedAt: now.toISOString(), resolution: note })
    .where(and(eq(exceptions.tenantId, row.tenantId), eq(exceptions.exceptionId, row.exceptionId)))
    .returning()
  return closed!
}

/** Whether the customer of an unattributed trace is the trace's own word, which nobody's later word replaces. */
export async function isNamedByTrace(client: pg.PoolClient, row: ExceptionRow): Promise<boolean> {
  if (row.customerId === null) return false
  const named = await drizzle(client)
    .select({ id: attributions.attributionId })
    .from(attributions)
    .where(and(eq(attributions.tenantId, row.tenantId), eq(attributions.traceId, row.traceId)))
    .limit(1)
  return named.length === 0
}

/** The traces of an exception's event: of a session's all that it joins. */
export async function tracesOf(client: pg.PoolClient, row: ExceptionRow): Promise<Buffer[]> {
  const joined = await drizzle(client)
    .select({ traceId: traces.traceId })
    .from(traces)
    .where(and(eq(traces.tenantId, row.tenantId), eq(traces.sessionEventId, row.eventId)))
    .orderBy(traces.traceId)
  return joined.length === 0 ? [row.traceId] : joined.map(({ traceId }) => traceId)
}

/** Writes down whose traces are: facts that stay, for the cut to find. */
export async function nameCustomer(
  client: pg.PoolClient,
  tenantId: TenantId,
  traceIds: readonly Buffer[],
  named: { customerId: string; note: string | undefined },
  now: Date,
): Promise<void> {
  await drizzle(client)
    .insert(attributions)
    .values(traceIds.map((traceId) => ({ tenantId, traceId, ...named, recordedAt: now.toISOString() })))
}

/** Writes down what the call of an exception used: a fact that stays, for the cut to find. */
export async function stateUsage(
  client: pg.PoolClient,
  row: ExceptionRow,
  stated: { buckets: TokenBuckets; note: string | undefined },
  now: Date,
): Promise<void> {
  const { buckets, note } = stated
  const about = { tenantId: row.tenantId, traceId: row.traceId, spanId: row.spanId! }
  await drizzle(client)
    .insert(statedUsage)
    .values({ ...about, ...buckets, note, recordedAt: now.toISOString() })
}

import type pg from 'pg'
import type { TenantId } from '../core/ids.ts'

/*
 * A fact that arrives (a price, a customer) completes the events that are listed as waiting for it. A rating that
 * lists one at the same instant would be missed: it cannot see the fact before that is committed, nor can the fact
 * see the exception. So whoever writes a fact locks the tenant's facts before looking who waits for it, and whoever
 * is about to list an exception holds them shared, and looks once more for the fact, before doing so.
 */

type Client = Pick<pg.ClientBase, 'query'>

/** Until the transaction ends, nobody lists an exception for want of a fact. */
export async function lockFacts(client: Client, tenantId: TenantId): Promise<void> {
  await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [lockName(tenantId)])
}

/** Until the transaction ends, no fact of these tenants arrives unseen. Any number may hold this at once. */
export async function shareFacts(client: Client, tenantIds: Iterable<TenantId>): Promise<void> {
  for (const tenantId of [...new Set(tenantIds)].sort()) {
    await client.query('select pg_advisory_xact_lock_shared(hashtextextended($1, 0))', [lockName(tenantId)])
  }
}

function lockName(tenantId: TenantId): string {
  return `aforo facts ${tenantId}`
}

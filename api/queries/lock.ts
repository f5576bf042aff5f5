import type pg from 'pg'

/**
 * Holds a name until the transaction ends, so that reading what is there and adding to it is one step. Different names
 * may, rarely, wait for each other: they share a hash of 64 bits.
 */
export async function lockName(client: pg.PoolClient, name: readonly string[]): Promise<void> {
  await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [JSON.stringify(name)])
}

import type pg from 'pg'
import { recordPriceRows } from '../../../schema/price-rows.ts'
import type { ListPrice } from '../list-price.ts'

/** Puts rows into the catalogue's book. @returns their ids, in the order given */
export function recordCatalogueRows(
  client: pg.PoolClient,
  rows: readonly ListPrice[],
  sourceDigest: string | null,
  at: Date,
): Promise<readonly string[]> {
  const known = { tenantId: '', book: 'catalogue', currency: 'USD', sourceDigest }
  return recordPriceRows(
    client,
    rows.map((row) => ({ ...row, ...known })),
    at,
  )
}

/**
 * The instant at which rows are recorded: now, but after all that the catalogue's book knows, whatever clocks say. Under
 * the lock of the book no two are the same.
 */
export async function recordingInstant(client: pg.PoolClient, now: Date): Promise<Date> {
  const { rows } = await client.query<{ latest: string | null }>(
    `select (extract(epoch from max(recorded_at)) * 1000)::bigint::text as latest from aforo_store.price_rows
     where tenant_id = '' and book = 'catalogue'`,
  )
  return new Date(Math.max(now.getTime(), Number(rows[0]?.latest ?? 0) + 1))
}

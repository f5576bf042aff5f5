import { and, desc, eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import type { CostMeter, FeeBasis, PriceSchedule } from '../../core/price.ts'
import { recordPriceRows } from '../../schema/price-rows.ts'
import { priceRows } from '../../schema/tables.ts'
import type { PriceRow } from './prices.ts'

export type StoredPrice = typeof priceRows.$inferSelect

/** The books that a tenant writes itself, and how the source of a row names its id. */
const OWN_BOOKS = { override: 'override:', contract: 'contract:', custom: 'custom:' } as const
export type OwnBook = keyof typeof OWN_BOOKS

/** What a tenant says of a price of its own. Numbers are decimal text. */
export interface OwnPrice {
  readonly provider: string
  readonly model: string
  readonly meter: CostMeter
  readonly serviceTier: string
  readonly region: string
  readonly contextFrom: string
  readonly contextInclusive: boolean
  readonly schedule: PriceSchedule | null
  readonly unitPrice: string
  readonly per: string
  readonly currency: string
  readonly feeBasis: FeeBasis
  readonly minQuantity: string | null
  readonly roundingQuantity: string | null
  /** Null: from now on, or from ever where nothing had a price for it. */
  readonly effectiveFrom: string | null
  /** Null: until another one begins. */
  readonly effectiveTo: string | null
}

/** The row that was written last under an id. */
export async function readOwnPrice(
  client: pg.PoolClient,
  tenantId: TenantId,
  book: OwnBook,
  id: string,
): Promise<StoredPrice | undefined> {
  const [row] = await drizzle(client)
    .select()
    .from(priceRows)
    .where(
      and(
        eq(priceRows.tenantId, tenantId),
        eq(priceRows.book, book),
        eq(priceRows.source, OWN_BOOKS[book] + id),
      ),
    )
    .orderBy(desc(priceRows.recordedAt), desc(priceRows.effectiveFrom))
    .limit(1)
  return row
}

/**
 * Adds a row to the price book. No row of it is ever changed.
 * @throws AforoError `conflict` where another row says something of the same subject in the same millisecond
 */
export async function addOwnPrice(
  client: pg.PoolClient,
  tenantId: TenantId,
  book: OwnBook,
  id: string,
  wanted: OwnPrice & { effectiveFrom: string },
  now: Date,
): Promise<StoredPrice> {
  const row = {
    ...wanted,
    tenantId,
    book,
    effectiveTo: wanted.effectiveTo ?? (await nextBeginning(client, tenantId, book, wanted)),
    derived: false,
    source: OWN_BOOKS[book] + id,
    sourceDigest: null,
  }
  const [rowId] = await recordPriceRows(client, [row], now).catch(refuseSameInstant)
  const [stored] = await drizzle(client)
    .select()
    .from(priceRows)
    .where(eq(priceRows.priceRowId, BigInt(rowId!)))
  return stored!
}

const SERIES = `provider = $1 and model = $2 and meter = $3 and service_tier = $4`

/** When a price begins that was announced for later: until then the new one counts. */
async function nextBeginning(
  client: pg.PoolClient,
  tenantId: TenantId,
  book: OwnBook,
  wanted: OwnPrice & { effectiveFrom: string },
): Promise<string | null> {
  const { rows } = await client.query<{ next: Date | null }>(
    `select min(effective_from) as next from aforo_store.price_rows
     where ${SERIES} and tenant_id = $5 and book = $6 and region = $7 and context_from = $8 and context_inclusive = $9
       and schedule is not distinct from $10::jsonb and retracted_at is null and effective_from > $11`,
    [
      ...[wanted.provider, wanted.model, wanted.meter, wanted.serviceTier, tenantId, book, wanted.region],
      ...[wanted.contextFrom, wanted.contextInclusive],
      wanted.schedule && JSON.stringify(wanted.schedule),
      wanted.effectiveFrom,
    ],
  )
  const next = rows[0]?.next ?? null
  return next === null ? null : new Date(next).toISOString()
}

const EXCLUDED = '23P01'

function refuseSameInstant(error: unknown): never {
  if ((error as { code?: string }).code !== EXCLUDED) throw error
  throw new AforoError('conflict', 'something else priced the same thing at this very instant')
}

/** Whether anything says what that meter of that model costs, whenever. */
export async function isPricedAtAll(
  client: pg.PoolClient,
  tenantId: TenantId,
  wanted: OwnPrice,
): Promise<boolean> {
  const { rowCount } = await client.query(
    `select from aforo_store.price_rows where ${SERIES} and tenant_id in ('', $5) limit 1`,
    [wanted.provider, wanted.model, wanted.meter, wanted.serviceTier, tenantId],
  )
  return rowCount === 1
}

/** A stored row as the list has it. */
export function listed(row: StoredPrice): PriceRow {
  return {
    ...row,
    priceRowId: String(row.priceRowId),
    per: String(row.per),
    contextFrom: String(row.contextFrom),
    scheduleText: '',
  }
}

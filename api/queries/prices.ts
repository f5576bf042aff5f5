import { and, desc, eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type pg from 'pg'
import { AforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import { type CostMeter, type PriceSchedule, TOKEN_METERS } from '../../core/price.ts'
import { recordPriceRows } from '../../schema/price-rows.ts'
import { priceRows } from '../../schema/tables.ts'
import type { Key } from '../cursor.ts'
import { lockName } from './lock.ts'

export type StoredPrice = typeof priceRows.$inferSelect

/** The types of a price's sort key: provider, model, meter, tier, region, context, its end, hours, book, tenant. */
export const PRICE_KEY = [
  'string',
  'string',
  'string',
  'string',
  'string',
  'string',
  'string',
  'string',
  'string',
  'string',
] as const

export function priceKey(row: ListedPrice): Key {
  return [
    row.provider,
    row.model,
    row.meter,
    row.serviceTier,
    row.region,
    row.contextFrom,
    row.contextInclusive ? 'from' : 'above',
    row.scheduleText,
    row.book,
    row.tenantId,
  ]
}

/** A row of the price book; numbers are decimal text, times as the database writes them. */
export interface ListedPrice {
  readonly priceRowId: string
  readonly tenantId: string
  readonly book: string
  readonly provider: string
  readonly model: string
  readonly meter: string
  readonly serviceTier: string
  readonly currency: string
  readonly unitPrice: string
  readonly per: string
  readonly region: string
  readonly feeBasis: string
  readonly contextFrom: string
  readonly contextInclusive: boolean
  readonly schedule: PriceSchedule | null
  /** The same as the database compares it. */
  readonly scheduleText: string
  readonly derived: boolean
  readonly effectiveFrom: string
  readonly effectiveTo: string | null
  readonly recordedAt: string
  readonly source: string
}

/**
 * The rows that count for usage at `at`, as they were known at `knownAt`: of each series the one that became effective
 * last, of two the one recorded later. The tenant's own and everybody's.
 */
export async function listPrices(
  client: pg.PoolClient,
  tenantId: TenantId,
  query: {
    provider?: string | undefined
    model?: string | undefined
    at: string
    knownAt: string
    after: Key | null
    rows: number
  },
): Promise<ListedPrice[]> {
  const { rows } = await client.query<ListedPrice>(
    `select distinct on (${SERIES})
       price_row_id as "priceRowId", tenant_id as "tenantId", book, provider, model, meter,
       service_tier as "serviceTier", region, currency, unit_price as "unitPrice", per, fee_basis as "feeBasis",
       context_from as "contextFrom", context_inclusive as "contextInclusive", schedule,
       coalesce(schedule::text, '') as "scheduleText", derived,
       effective_from::text as "effectiveFrom", effective_to::text as "effectiveTo",
       recorded_at::text as "recordedAt", source
     from aforo_store.price_rows
     where tenant_id in ('', $1) and effective_from <= $2 and (effective_to is null or effective_to > $2)
       and recorded_at <= $3 and (retracted_at is null or retracted_at > $3) and ($4::text is null or provider = $4) and ($5::text is null or model = $5)
       and ($6::text[] is null or (${SERIES}) > (
         $6[1] collate "C", $6[2] collate "C", $6[3], $6[4], $6[5], $6[6]::bigint, $6[7], $6[8], $6[9], $6[10]))
     order by ${SERIES}, effective_from desc, recorded_at desc, price_row_id desc
     limit $7`,
    [tenantId, query.at, query.knownAt, query.provider, query.model, query.after, query.rows],
  )
  return rows
}

const SERIES = `provider collate "C", model collate "C", meter, service_tier, region, context_from,
  case when context_inclusive then 'from' else 'above' end, coalesce(schedule::text, ''), book, tenant_id`

/** What an override says. */
export interface WantedPrice {
  readonly provider: string
  readonly model: string
  readonly meter: CostMeter
  readonly serviceTier: string
  readonly unitPrice: string
  readonly per: string
  /** Null: from now on, or from ever where nothing had a price for it. */
  readonly effectiveFrom: string | null
}

const SOURCE = 'override:'

/** The row an override wrote last. */
export async function readOverride(
  client: pg.PoolClient,
  tenantId: TenantId,
  overrideId: string,
): Promise<StoredPrice | undefined> {
  const [row] = await drizzle(client)
    .select()
    .from(priceRows)
    .where(
      and(
        eq(priceRows.tenantId, tenantId),
        eq(priceRows.book, 'override'),
        eq(priceRows.source, SOURCE + overrideId),
      ),
    )
    .orderBy(desc(priceRows.recordedAt), desc(priceRows.effectiveFrom))
    .limit(1)
  return row
}

/** Lets only one at a time look at an override and add to it. */
export async function lockOverride(
  client: pg.PoolClient,
  tenantId: TenantId,
  overrideId: string,
): Promise<void> {
  await lockName(client, ['override', tenantId, overrideId])
}

/**
 * Adds a row to the price book. No row of it is ever changed.
 * @throws AforoError `conflict` where another override says something of the same subject in the same millisecond
 */
export async function addOverride(
  client: pg.PoolClient,
  tenantId: TenantId,
  overrideId: string,
  wanted: WantedPrice & { effectiveFrom: string },
  now: Date,
): Promise<StoredPrice> {
  const { effectiveFrom } = wanted
  const [id] = await recordPriceRows(
    client,
    [
      {
        tenantId,
        book: 'override',
        provider: wanted.provider,
        model: wanted.model,
        meter: wanted.meter,
        serviceTier: wanted.serviceTier,
        region: '',
        currency: 'USD',
        unitPrice: wanted.unitPrice,
        per: wanted.per,
        feeBasis: TOKEN_METERS.has(wanted.meter) ? 'token' : 'call',
        minQuantity: null,
        roundingQuantity: null,
        contextFrom: '0',
        contextInclusive: false,
        schedule: null,
        effectiveFrom,
        effectiveTo: await nextBeginning(client, tenantId, wanted),
        derived: false,
        source: SOURCE + overrideId,
        sourceDigest: null,
      },
    ],
    now,
  ).catch(refuseSameInstant)
  const [row] = await drizzle(client)
    .select()
    .from(priceRows)
    .where(eq(priceRows.priceRowId, BigInt(id!)))
  return row!
}

/** When a price begins that was announced for later: until then the new one counts. */
async function nextBeginning(
  client: pg.PoolClient,
  tenantId: TenantId,
  wanted: WantedPrice & { effectiveFrom: string },
): Promise<string | null> {
  const { rows } = await client.query<{ next: Date | null }>(
    `select min(effective_from) as next from aforo_store.price_rows
     where tenant_id = $1 and book = 'override' and provider = $2 and model = $3 and meter = $4 and service_tier = $5
       and region = '' and context_from = 0 and schedule is null and retracted_at is null and effective_from > $6`,
    [tenantId, wanted.provider, wanted.model, wanted.meter, wanted.serviceTier, wanted.effectiveFrom],
  )
  const next = rows[0]?.next ?? null
  return next === null ? null : new Date(next).toISOString()
}

const EXCLUDED = '23P01'

function refuseSameInstant(error: unknown): never {
  if ((error as { code?: string }).code !== EXCLUDED) throw error
  throw new AforoError('conflict', 'another override priced the same thing at this very instant')
}

/** Whether anything says what that meter of that model costs, whenever. */
export async function isPricedAtAll(
  client: pg.PoolClient,
  tenantId: TenantId,
  wanted: WantedPrice,
): Promise<boolean> {
  const { rowCount } = await client.query(
    `select from aforo_store.price_rows
     where tenant_id in ('', $1) and provider = $2 and model = $3 and meter = $4 and service_tier = $5
     limit 1`,
    [tenantId, wanted.provider, wanted.model, wanted.meter, wanted.serviceTier],
  )
  return rowCount === 1
}

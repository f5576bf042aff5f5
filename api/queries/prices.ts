import type pg from 'pg'
import type { TenantId } from '../../core/ids.ts'
import type { PriceSchedule } from '../../core/price.ts'
import type { Key } from '../cursor.ts'

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

export function priceKey(row: PriceRow): Key {
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
export interface PriceRow {
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
  readonly minQuantity: string | null
  readonly roundingQuantity: string | null
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
    /** Names that rows stand under, or aliases of models, null for any; none: all rows. */
    names: readonly { readonly provider: string | null; readonly model: string | null }[]
    at: string
    knownAt: string
    after: Key | null
    rows: number
  },
): Promise<PriceRow[]> {
  const { rows } = await client.query<PriceRow>(
    `with given as materialized (
       select * from unnest($4::text[], $5::text[]) as given (provider, model)
     ), named as materialized (
       select provider, model from given
       union
       select alias.to_provider, alias.to_model
       from given join aforo_store.price_aliases alias
         on alias.alias = given.model and alias.provider = coalesce(given.provider, alias.provider)
       where alias.tenant_id in ('', $1) and alias.effective_from <= $2
         and (alias.effective_to is null or alias.effective_to > $2)
         and alias.recorded_at <= $3 and (alias.retracted_at is null or alias.retracted_at > $3)
     )
     select distinct on (${SERIES})
       price_row_id as "priceRowId", tenant_id as "tenantId", book, provider, model, meter,
       service_tier as "serviceTier", region, currency, unit_price as "unitPrice", per, fee_basis as "feeBasis",
       min_quantity as "minQuantity", rounding_quantity as "roundingQuantity",
       context_from as "contextFrom", context_inclusive as "contextInclusive", schedule,
       coalesce(schedule::text, '') as "scheduleText", derived,
       effective_from::text as "effectiveFrom", effective_to::text as "effectiveTo",
       recorded_at::text as "recordedAt", source
     from aforo_store.price_rows said
     where tenant_id in ('', $1) and effective_from <= $2 and (effective_to is null or effective_to > $2)
       and recorded_at <= $3 and (retracted_at is null or retracted_at > $3)
       and (cardinality($4::text[]) = 0 or exists (
         select from named
         where coalesce(named.provider, said.provider) = said.provider and coalesce(named.model, said.model) = said.model))
       and ($6::text[] is null or (${SERIES}) > (
         $6[1] collate "C", $6[2] collate "C", $6[3], $6[4], $6[5], $6[6]::bigint, $6[7], $6[8], $6[9], $6[10]))
     order by ${SERIES}, effective_from desc, recorded_at desc, price_row_id desc
     limit $7`,
    [
      tenantId,
      query.at,
      query.knownAt,
      query.names.map(({ provider }) => provider),
      query.names.map(({ model }) => model),
      query.after,
      query.rows,
    ],
  )
  return rows
}

const SERIES = `provider collate "C", model collate "C", meter, service_tier, region, context_from,
  case when context_inclusive then 'from' else 'above' end, coalesce(schedule::text, ''), book, tenant_id`

import type pg from 'pg'
import type { PriceSchedule } from '../core/price.ts'

/** A row to record. Times are RFC 3339, numbers decimal text. */
export interface PriceToRecord {
  readonly tenantId: string
  readonly book: string
  readonly provider: string
  readonly model: string
  readonly meter: string
  readonly serviceTier: string
  readonly region: string
  readonly currency: string
  readonly unitPrice: string
  readonly per: string
  readonly feeBasis: string
  readonly minQuantity: string | null
  readonly roundingQuantity: string | null
  readonly contextFrom: string
  readonly contextInclusive: boolean
  readonly schedule: PriceSchedule | null
  readonly effectiveFrom: string
  readonly effectiveTo: string | null
  readonly derived: boolean
  readonly source: string
  readonly sourceDigest: string | null
}

const WANTED = `jsonb_to_recordset($1::jsonb) as wanted (
  "tenantId" text, book text, provider text, model text, meter text, "serviceTier" text, region text, currency text,
  "unitPrice" numeric, per bigint, "feeBasis" text, "minQuantity" numeric, "roundingQuantity" numeric,
  "contextFrom" bigint, "contextInclusive" boolean, schedule jsonb, "effectiveFrom" timestamptz,
  "effectiveTo" timestamptz, derived boolean, source text, "sourceDigest" text)`

const SAME_SERIES = `row.tenant_id = wanted."tenantId" and row.book = wanted.book and row.provider = wanted.provider
  and row.model = wanted.model and row.meter = wanted.meter and row.service_tier = wanted."serviceTier"
  and row.region = wanted.region and row.context_from = wanted."contextFrom"
  and row.context_inclusive = wanted."contextInclusive" and row.schedule is not distinct from wanted.schedule`

const EFFECTIVE = 'tstzrange(row.effective_from, row.effective_to)'
const WANTED_EFFECTIVE = 'tstzrange(wanted."effectiveFrom", wanted."effectiveTo")'

/**
 * Adds rows to the price book. A row that was known until now and says otherwise for some of the same time ends to be
 * known at `now`; what of its time is left to it is recorded anew. No price is ever changed.
 *
 * @returns ids of the rows, in the order given
 * @throws the database's 23P01 where two of the rows contradict each other, or one recorded at the same instant
 */
export async function recordPriceRows(
  client: pg.ClientBase,
  prices: readonly PriceToRecord[],
  now: Date,
): Promise<readonly string[]> {
  if (prices.length === 0) return []
  const wanted = JSON.stringify(prices)
  const { rows: overtaken } = await client.query<{ id: string }>(
    `update aforo_store.price_rows row set retracted_at = $2
     from ${WANTED}
     where row.retracted_at is null and row.recorded_at < $2 and ${SAME_SERIES} and ${EFFECTIVE} && ${WANTED_EFFECTIVE}
     returning row.price_row_id::text as id`,
    [wanted, now.toISOString()],
  )
  if (overtaken.length > 0) await recordLeftOvers(client, wanted, overtaken, now)
  const { rows } = await client.query<{ id: string }>(
    `insert into aforo_store.price_rows
       (tenant_id, book, provider, model, meter, service_tier, region, currency, unit_price, per, fee_basis, min_quantity,
        rounding_quantity, context_from, context_inclusive, schedule, effective_from, effective_to, recorded_at, derived,
        source, source_digest)
     select "tenantId", book, provider, model, meter, "serviceTier", region, currency, "unitPrice", per, "feeBasis",
       "minQuantity", "roundingQuantity", "contextFrom", "contextInclusive", schedule, "effectiveFrom", "effectiveTo",
       $2, derived, source, "sourceDigest"
     from ${WANTED}
     returning price_row_id::text as id`,
    [wanted, now.toISOString()],
  )
  return rows.map((row) => row.id)
}

async function recordLeftOvers(
  client: pg.ClientBase,
  wanted: string,
  overtaken: readonly { readonly id: string }[],
  now: Date,
): Promise<void> {
  await client.query(
    `insert into aforo_store.price_rows
       (tenant_id, book, provider, model, meter, service_tier, region, currency, unit_price, per, fee_basis, min_quantity,
        rounding_quantity, context_from, context_inclusive, schedule, effective_from, effective_to, recorded_at, derived,
        source, source_digest)
     select row.tenant_id, row.book, row.provider, row.model, row.meter, row.service_tier, row.region, row.currency,
       row.unit_price, row.per, row.fee_basis, row.min_quantity, row.rounding_quantity, row.context_from,
       row.context_inclusive, row.schedule, lower(piece), upper(piece), $2, row.derived, row.source, row.source_digest
     from aforo_store.price_rows row
     cross join lateral (
       select tstzmultirange(${EFFECTIVE}) - range_agg(${WANTED_EFFECTIVE}) as pieces
       from ${WANTED} where ${SAME_SERIES}) left_over
     cross join lateral unnest(left_over.pieces) as piece
     where row.price_row_id = any ($3::bigint[])`,
    [wanted, now.toISOString(), overtaken.map((row) => row.id)],
  )
}

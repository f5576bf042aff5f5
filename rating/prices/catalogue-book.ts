import type pg from 'pg'
import { completeEvents } from '../../schema/completion.ts'
import { type ListPrice, seriesOf } from './list-price.ts'
import type { FindKeys } from './match.ts'

/** A row of the catalogue's book that counts as far as is known now. */
export interface CatalogueRow extends ListPrice {
  readonly priceRowId: string
}

/** Until the transaction ends, nobody else writes the catalogue's rows. */
export async function lockPriceBook(client: pg.ClientBase): Promise<void> {
  await client.query(`select pg_advisory_xact_lock(hashtextextended('aforo price book', 0))`)
}

/** The catalogue's rows that are known now, in the order in which they were recorded. */
export async function catalogueRows(client: pg.ClientBase): Promise<readonly CatalogueRow[]> {
  const { rows } = await client.query<CatalogueRow>(
    `${ROWS} and retracted_at is null order by recorded_at, price_row_id`,
  )
  return rows
}

/** Series that a pull has written to: a bundled catalogue is older than what they say. */
export async function pulledSeries(client: pg.ClientBase): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<CatalogueRow>(
    `${ROWS} and retracted_at is null
       and source_digest in (select source_digest from aforo_store.price_imports)`,
  )
  return new Set(rows.map(seriesOf))
}

const iso = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

const ROWS = `
  select price_row_id::text as "priceRowId", provider, model, meter, service_tier as "serviceTier", region,
    trim_scale(unit_price)::text as "unitPrice", per::text as per, fee_basis as "feeBasis",
    trim_scale(min_quantity)::text as "minQuantity", trim_scale(rounding_quantity)::text as "roundingQuantity",
    context_from::text as "contextFrom", context_inclusive as "contextInclusive", schedule,
    ${iso('effective_from')} as "effectiveFrom", ${iso('effective_to')} as "effectiveTo", derived, source
  from aforo_store.price_rows
  where tenant_id = '' and book = 'catalogue'`

/** Completes the events that waited for a price of a model which has one now. */
export async function completePriced(
  client: pg.ClientBase,
  added: readonly ListPrice[],
  findKeys: FindKeys,
  now: Date,
): Promise<void> {
  if (added.length === 0) return
  const priced = new Set(added.map((row) => `${row.provider}\0${row.model}`))
  const { rows } = await client.query<{ tenant_id: string; provider: string | null; model: string }>(
    `select distinct tenant_id, provider, model from aforo_store.exceptions
     where kind = 'unpriced' and resolved_at is null and model is not null and provider is distinct from 'tool'
     order by tenant_id`,
  )
  for (const { tenant_id: tenantId, provider, model } of rows) {
    const keys = findKeys({ provider, model, requestModel: null })
    if (!keys.some((key) => priced.has(`${key.provider}\0${key.model}`))) continue
    await completeEvents(client, tenantId, { kind: 'price', provider: provider ?? '', model }, now)
  }
}

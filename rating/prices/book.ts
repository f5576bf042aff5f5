import type pg from 'pg'
import { Decimal } from '../../core/money.ts'
import type { Book, FeeBasis, PriceSchedule } from '../../core/price.ts'
import { microsOf } from '../../schema/instant.ts'
import type { ModelKey } from './match.ts'
import type { BookRow, RowsOf } from './resolve.ts'

/** A key some tenant asks for. */
export interface WantedKey extends ModelKey {
  readonly tenantId: string
}

export interface PriceBook {
  /**
   * The rows of all wanted keys, none of them read longer ago than `BOOK_AGE_MS`; all of them read now where `fresh`
   * is asked for.
   */
  load(
    client: pg.ClientBase,
    wanted: readonly WantedKey[],
    now: Date,
    fresh?: boolean,
  ): Promise<(tenantId: string) => RowsOf>
}

/** Rows read this long ago are read again, so that a new price counts in every process within a second. */
export const BOOK_AGE_MS = 500

/** Keys held; at more than this all are forgotten. */
const BOOK_KEYS_MAX = 20_000

interface Entry {
  readonly rows: readonly BookRow[]
  readonly readAt: number
}

const NO_ROWS: readonly BookRow[] = []

/** The price book, with the keys in use held in memory. */
export function createPriceBook(): PriceBook {
  let held = new Map<string, Entry>()
  return {
    async load(client, wanted, now, fresh = false) {
      const used = new Map<string, Entry>()
      const missing = new Map<string, WantedKey>()
      for (const key of wanted) {
        const name = nameOf(key.tenantId, key)
        const entry = held.get(name)
        if (!fresh && entry && Math.abs(now.getTime() - entry.readAt) < BOOK_AGE_MS) used.set(name, entry)
        else missing.set(name, key)
      }
      if (missing.size > 0) {
        const read = await readKeys(client, missing, now.getTime())
        if (held.size + read.size > BOOK_KEYS_MAX) held = new Map()
        for (const [name, entry] of read) {
          used.set(name, entry)
          if (held.size < BOOK_KEYS_MAX) held.set(name, entry)
        }
      }
      return (tenantId) => (key) => used.get(nameOf(tenantId, key))?.rows ?? NO_ROWS
    },
  }
}

function nameOf(tenantId: string, key: ModelKey): string {
  return `${tenantId}\0${key.provider}\0${key.model}`
}

async function readKeys(
  client: pg.ClientBase,
  wanted: ReadonlyMap<string, WantedKey>,
  readAt: number,
): Promise<Map<string, Entry>> {
  const keys = [...wanted.values()]
  const { rows } = await client.query<StoredRow>({
    name: 'price-book-keys',
    text: ROWS,
    values: [keys.map((key) => key.tenantId), keys.map((key) => key.provider), keys.map((key) => key.model)],
  })
  const found = keys.map((): BookRow[] => [])
  for (const row of rows) found[row.no - 1]!.push(bookRow(row))
  return new Map([...wanted.keys()].map((name, i) => [name, { rows: found[i]!, readAt }]))
}

/**
 * The rows of keys (what windows cost is no price of a call, and there is a row for each hour), and those of the models
 * that a key means by an alias, while it does and as far as that is known. `least` and `greatest` leave out nulls, as an
 * end that is not there wants it.
 */
const ROWS = `
  with key as materialized (
    select * from unnest($1::text[], $2::text[], $3::text[]) with ordinality as key (tenant_id, provider, model, no)
  ), row as (
    select key.no, false as aliased, row.effective_from, row.effective_to, row.recorded_at, row.retracted_at, row.price_row_id
    from key
    join aforo_store.price_rows row
      on row.provider = key.provider and row.model = key.model and row.tenant_id in (key.tenant_id, '')
        and row.meter <> 'allocated'
    union all
    select key.no, true, greatest(row.effective_from, alias.effective_from), least(row.effective_to, alias.effective_to),
      greatest(row.recorded_at, alias.recorded_at), least(row.retracted_at, alias.retracted_at), row.price_row_id
    from key
    join aforo_store.price_aliases alias
      on alias.provider = key.provider and alias.alias = key.model and alias.tenant_id in (key.tenant_id, '')
    join aforo_store.price_rows row
      on row.provider = alias.to_provider and row.model = alias.to_model and row.tenant_id in (key.tenant_id, '')
        and row.meter <> 'allocated'
  )
  select row.no::integer as no, row.price_row_id::text as price_row_id, said.tenant_id, said.book, said.meter,
    said.service_tier, said.region, said.currency, said.unit_price::text as unit_price, said.per::text as per,
    said.fee_basis, said.min_quantity::text as min_quantity, said.rounding_quantity::text as rounding_quantity,
    said.context_from::text as context_from, said.context_inclusive, said.schedule, row.aliased,
    ${microsOf('row.effective_from')} as effective_from, ${microsOf('row.effective_to')} as effective_to,
    ${microsOf('row.recorded_at')} as recorded_at, ${microsOf('row.retracted_at')} as retracted_at
  from row
  join aforo_store.price_rows said using (price_row_id)`

interface StoredRow {
  readonly no: number
  readonly price_row_id: string
  readonly tenant_id: string
  readonly book: Book
  readonly meter: string
  readonly service_tier: string
  readonly region: string
  readonly currency: string
  readonly unit_price: string
  readonly per: string
  readonly fee_basis: FeeBasis
  readonly min_quantity: string | null
  readonly rounding_quantity: string | null
  readonly context_from: string
  readonly context_inclusive: boolean
  readonly schedule: PriceSchedule | null
  readonly aliased: boolean
  readonly effective_from: string
  readonly effective_to: string | null
  readonly recorded_at: string
  readonly retracted_at: string | null
}

function bookRow(row: StoredRow): BookRow {
  return {
    priceRowId: row.price_row_id,
    tenantId: row.tenant_id,
    book: row.book,
    meter: row.meter,
    serviceTier: row.service_tier,
    region: row.region,
    currency: row.currency,
    unitPrice: new Decimal(row.unit_price),
    per: new Decimal(row.per),
    feeBasis: row.fee_basis,
    minQuantity: decimalOrNull(row.min_quantity),
    roundingQuantity: decimalOrNull(row.rounding_quantity),
    contextFrom: Number(row.context_from),
    contextInclusive: row.context_inclusive,
    schedule: row.schedule,
    aliased: row.aliased,
    effectiveFrom: Number(row.effective_from),
    effectiveTo: numberOrNull(row.effective_to),
    recordedAt: Number(row.recorded_at),
    retractedAt: numberOrNull(row.retracted_at),
  }
}

function decimalOrNull(text: string | null): Decimal | null {
  return text === null ? null : new Decimal(text)
}

function numberOrNull(text: string | null): number | null {
  return text === null ? null : Number(text)
}

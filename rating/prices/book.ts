import type pg from 'pg'
import { Decimal } from '../../core/money.ts'
import type { Book } from '../../core/price.ts'
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
export const BOOK_KEYS_MAX = 20_000

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
  const names = [...wanted.keys()]
  const keys = [...wanted.values()]
  const { rows } = await client.query<StoredRow>({
    name: 'price-book-keys',
    text: `select key.no::integer as no, row.price_row_id::text as price_row_id, row.tenant_id, row.book, row.meter,
         row.service_tier, row.currency, row.unit_price::text as unit_price, row.per::text as per,
         row.context_from::text as context_from,
         (extract(epoch from row.effective_from) * 1000000)::bigint::text as effective_from,
         (extract(epoch from row.effective_to) * 1000000)::bigint::text as effective_to,
         (extract(epoch from row.recorded_at) * 1000000)::bigint::text as recorded_at
       from unnest($1::text[], $2::text[], $3::text[]) with ordinality as key (tenant_id, provider, model, no)
       join aforo_store.price_rows row
         on row.provider = key.provider and row.model = key.model and row.tenant_id in (key.tenant_id, '')`,
    values: [keys.map((key) => key.tenantId), keys.map((key) => key.provider), keys.map((key) => key.model)],
  })
  const found = names.map((): BookRow[] => [])
  for (const row of rows) found[row.no - 1]!.push(bookRow(row))
  return new Map(names.map((name, i) => [name, { rows: found[i]!, readAt }]))
}

interface StoredRow {
  readonly no: number
  readonly price_row_id: string
  readonly tenant_id: string
  readonly book: Book
  readonly meter: string
  readonly service_tier: string
  readonly currency: string
  readonly unit_price: string
  readonly per: string
  readonly context_from: string
  readonly effective_from: string
  readonly effective_to: string | null
  readonly recorded_at: string
}

function bookRow(row: StoredRow): BookRow {
  return {
    priceRowId: row.price_row_id,
    tenantId: row.tenant_id,
    book: row.book,
    meter: row.meter,
    serviceTier: row.service_tier,
    currency: row.currency,
    unitPrice: new Decimal(row.unit_price),
    per: new Decimal(row.per),
    contextFrom: Number(row.context_from),
    effectiveFrom: Number(row.effective_from),
    effectiveTo: row.effective_to === null ? null : Number(row.effective_to),
    recordedAt: Number(row.recorded_at),
  }
}

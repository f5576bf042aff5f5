import { Decimal } from '../../../core/money.ts'
import type { ListPrice } from '../list-price.ts'
import { ANY_MODEL } from '../match.ts'
import { type BookRow, resolvePrice } from '../resolve.ts'
import type { BookPrice } from './diff.ts'

const MICROS_PER_MILLI = 1000

/**
 * What prices a series that the book does not have: the base price for a long context, output for reasoning, and so on,
 * by the very rules by which events are costed. Null: nothing does, and a row completes what is unpriced.
 */
export function priceBefore(
  models: ReadonlyMap<string, readonly BookPrice[]>,
  wanted: ListPrice,
): PriceBefore {
  const { provider, model, meter, serviceTier, region, contextFrom, contextInclusive } = wanted
  const keys = [...new Set([model, ANY_MODEL])].map((each) => ({ provider, model: each }))
  const rows = keys.map((key) => models.get(`${key.provider}\0${key.model}`) ?? [])
  // Hours of others say nothing of the hours of this one.
  const always = rows.map((each) => each.filter((row) => row.schedule === null))
  const byId = new Map(always.flat().map((row) => [row.priceRowId, row]))
  const bookRows = new Map(keys.map((key, i) => [key, always[i]!.map(asBookRow)]))
  const inputTokens = Number(contextFrom) + (contextInclusive ? 0 : 1)
  const find = (instant: string): BookPrice | null => {
    const at = Date.parse(instant) * MICROS_PER_MILLI
    const question = { tenantId: '', keys, meter, serviceTier, region, inputTokens, at, knownAt: 0 }
    const row = resolvePrice(question, (key) => bookRows.get(key)!)
    return row && byId.get(row.priceRowId)!
  }
  return { at: find, rows: always.flat() }
}

/** What prices a series while it has no row of its own, and the rows that this may be. */
export interface PriceBefore {
  readonly at: (instant: string) => BookPrice | null
  readonly rows: readonly BookPrice[]
}

export const NOTHING_BEFORE: PriceBefore = { at: () => null, rows: [] }

function asBookRow(row: BookPrice): BookRow {
  return {
    priceRowId: row.priceRowId,
    tenantId: '',
    book: 'catalogue',
    meter: row.meter,
    serviceTier: row.serviceTier,
    region: row.region,
    currency: 'USD',
    unitPrice: new Decimal(row.unitPrice),
    per: new Decimal(row.per),
    feeBasis: row.feeBasis,
    minQuantity: null,
    roundingQuantity: null,
    contextFrom: Number(row.contextFrom),
    contextInclusive: row.contextInclusive,
    schedule: null,
    aliased: false,
    effectiveFrom: Date.parse(row.effectiveFrom) * MICROS_PER_MILLI,
    effectiveTo: row.effectiveTo === null ? null : Date.parse(row.effectiveTo) * MICROS_PER_MILLI,
    recordedAt: 0,
    retractedAt: null,
  }
}

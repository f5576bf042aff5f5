import { Decimal } from '../../core/money.ts'
import { BEGINNING, type ListPrice } from '../../rating/prices/list-price.ts'
import type { BookRow } from '../../rating/prices/resolve.ts'

/** A price of a catalogue: $3 for a million input tokens, always, unless said otherwise. */
export function listPrice(of: Partial<ListPrice>): ListPrice {
  return {
    provider: 'anthropic',
    model: 'm',
    meter: 'input_uncached',
    serviceTier: 'standard',
    region: '',
    unitPrice: '3',
    per: '1000000',
    feeBasis: 'token',
    minQuantity: null,
    roundingQuantity: null,
    contextFrom: '0',
    contextInclusive: false,
    schedule: null,
    effectiveFrom: BEGINNING,
    effectiveTo: null,
    derived: false,
    source: 'test',
    ...of,
  }
}

/** The same as a row of the price book. */
export function bookRow(of: Partial<BookRow>): BookRow {
  return {
    priceRowId: '1',
    tenantId: '',
    book: 'catalogue',
    meter: 'input_uncached',
    serviceTier: 'standard',
    region: '',
    currency: 'USD',
    unitPrice: new Decimal(3),
    per: new Decimal(1_000_000),
    feeBasis: 'token',
    minQuantity: null,
    roundingQuantity: null,
    contextFrom: 0,
    contextInclusive: false,
    schedule: null,
    aliased: false,
    effectiveFrom: 0,
    effectiveTo: null,
    recordedAt: 0,
    retractedAt: null,
    ...of,
  }
}

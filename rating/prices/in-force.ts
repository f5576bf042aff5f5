import { Decimal } from '../../core/money.ts'
import type { ListPrice } from './list-price.ts'

/** The row in force at an instant: the latest to begin, of two the one that stands later. */
export function effective<Row extends ListPrice>(rows: readonly Row[], instant: string): Row | undefined {
  let best: Row | undefined
  for (const row of rows) {
    if (row.effectiveFrom > instant || (row.effectiveTo !== null && row.effectiveTo <= instant)) continue
    if (!best || row.effectiveFrom >= best.effectiveFrom) best = row
  }
  return best
}

/** What a price row makes of a quantity: its price and how the quantity is counted. */
export type PriceTerms = Pick<
  ListPrice,
  'unitPrice' | 'per' | 'feeBasis' | 'minQuantity' | 'roundingQuantity'
>

/** Whether two prices make the same of every quantity. */
export function sameTerms(a: PriceTerms, b: PriceTerms): boolean {
  return sameCounting(a, b) && perMillionOf(a).equals(perMillionOf(b))
}

/** Whether two rows bill the same quantity of the same usage. */
export function sameCounting(a: PriceTerms, b: PriceTerms): boolean {
  return (
    a.feeBasis === b.feeBasis && a.minQuantity === b.minQuantity && a.roundingQuantity === b.roundingQuantity
  )
}

const MILLION = 1_000_000

/** The price of a million units: what prices are compared by. */
export function perMillionOf({ unitPrice, per }: Pick<ListPrice, 'unitPrice' | 'per'>): Decimal {
  return new Decimal(unitPrice).mul(MILLION).div(per)
}

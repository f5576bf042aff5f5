import type { CostMeter, FeeBasis, PriceSchedule } from '../../core/price.ts'

/** A price of the catalogue or of our corrections to it, before it is in the book. Times RFC 3339, prices decimal text. */
export interface ListPrice {
  readonly provider: string
  readonly model: string
  readonly meter: CostMeter
  readonly serviceTier: string
  readonly region: string
  readonly unitPrice: string
  readonly per: string
  readonly feeBasis: FeeBasis
  readonly minQuantity: string | null
  readonly roundingQuantity: string | null
  readonly contextFrom: string
  readonly contextInclusive: boolean
  readonly schedule: PriceSchedule | null
  readonly effectiveFrom: string
  readonly effectiveTo: string | null
  /** Whether it was worked out from another row of the list by a multiplier the provider states. */
  readonly derived: boolean
  readonly source: string
}

/** A name of a model that means another one from an instant on. */
export interface ModelAlias {
  readonly provider: string
  readonly alias: string
  readonly toProvider: string
  readonly toModel: string
  readonly effectiveFrom: string
  readonly effectiveTo: string | null
  readonly source: string
}

/** Prices without a date are taken as having always been so. */
export const BEGINNING = '1970-01-01T00:00:00.000Z'

/** Names the series a price belongs to: of one series one price counts at an instant. */
export function seriesOf(price: ListPrice): string {
  const { provider, model, meter, serviceTier, region, contextFrom, contextInclusive, schedule } = price
  return JSON.stringify([
    provider,
    model,
    meter,
    serviceTier,
    region,
    contextFrom,
    contextInclusive,
    schedule && [schedule.tz, schedule.weekdays, schedule.from, schedule.to],
  ])
}

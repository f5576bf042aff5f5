import { Decimal } from '../../core/money.ts'
import type { CostMeter } from '../../core/price.ts'
import { matchesGlob } from '../plans/glob.ts'
import type { ModelKey } from './match.ts'
import type { BookRow } from './resolve.ts'

/** A percentage off the list that was agreed. Provider, model and meter are globs; instants microseconds since 1970. */
export interface Discount extends InForce {
  readonly id: string
  readonly provider: string
  readonly model: string
  readonly meter: string
  readonly pct: Decimal
}

/** What one unit of a currency is worth in USD. */
export interface FxRate {
  readonly id: string
  readonly usd: Decimal
}

/** What a model of our own costs by the hour. */
export interface HourlyCost extends InForce {
  readonly provider: string
  readonly model: string
}

interface InForce {
  readonly effectiveFrom: number
  readonly effectiveTo: number | null
}

/** What a tenant has agreed, what currencies are worth to it, and which models cost it by the hour. */
export interface Terms {
  readonly discounts: readonly Discount[]
  readonly rates: ReadonlyMap<string, readonly (FxRate & InForce)[]>
  readonly hourly: readonly HourlyCost[]
}

export const NO_TERMS: Terms = { discounts: [], rates: new Map(), hourly: [] }

/**
 * The discount on a row of the list: none on what was agreed already (contracts, overrides, models of our own). Of
 * several that apply, the one that began last has it all; they are not added up.
 *
 * @param keys the model's names; a discount is about the model where its globs match one of them
 * @param meter what is metered, which may borrow the row of another meter
 */
export function discountOn(
  row: BookRow,
  keys: readonly ModelKey[],
  meter: CostMeter,
  at: number,
  { discounts }: Terms,
): Discount | null {
  if (discounts.length === 0 || row.book !== 'catalogue') return null
  let best: Discount | null = null
  for (const discount of discounts) {
    if (!isInForce(discount, at)) continue
    if (!matchesGlob(discount.meter, meter) && !matchesGlob(discount.meter, row.meter)) continue
    if (
      !keys.some(
        (key) => matchesGlob(discount.provider, key.provider) && matchesGlob(discount.model, key.model),
      )
    )
      continue
    if (best === null || goesBefore(discount, best)) best = discount
  }
  return best
}

/** The rate of a currency at an instant; null where none was recorded. */
export function rateAt({ rates }: Terms, currency: string, at: number): FxRate | null {
  return rates.get(currency)?.find((rate) => isInForce(rate, at)) ?? null
}

/** Whether a model costs by the hour at an instant: then no price per token of the list counts. */
export function isHourly({ hourly }: Terms, keys: readonly ModelKey[], at: number): boolean {
  return hourly.some(
    (cost) =>
      isInForce(cost, at) && keys.some((key) => key.provider === cost.provider && key.model === cost.model),
  )
}

/** `price` less the discount, of 100. */
export function discountFactor(pct: Decimal): Decimal {
  return new Decimal(100).minus(pct).div(100)
}

function isInForce({ effectiveFrom, effectiveTo }: InForce, at: number): boolean {
  return effectiveFrom <= at && (effectiveTo === null || at < effectiveTo)
}

function goesBefore(a: Discount, b: Discount): boolean {
  if (a.effectiveFrom !== b.effectiveFrom) return a.effectiveFrom > b.effectiveFrom
  return BigInt(a.id) > BigInt(b.id)
}

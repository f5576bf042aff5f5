import { Decimal, dividedBy, isPowerOfTen, ZERO } from '../../core/money.ts'
import type { Rounding, TieredMeter } from '../../core/plan.ts'

/** What a quantity of zero or more costs in all, not rounded. */
export type PriceOfTotal = (quantity: Decimal) => Decimal

interface OpenTier {
  readonly from: Decimal
  readonly upTo: Decimal | null
  readonly flat: Decimal
  /** The price of a quantity that lies in this tier, without `flat`. */
  readonly priceOf: PriceOfTotal
}

/** Each slice of the quantity by its own tier, and the flat amount of every tier that is reached. */
export function graduatedPrice(meter: TieredMeter): PriceOfTotal {
  const tiers = tiersOf(meter)
  const isReached = reach(meter)
  return (quantity) => {
    let price = ZERO
    for (const tier of tiers) {
      if (!isReached(tier, quantity)) break
      const top = tier.upTo?.lessThan(quantity) ? tier.upTo : quantity
      price = price.plus(tier.flat).plus(tier.priceOf(top.minus(tier.from)))
    }
    return price
  }
}

/** The whole quantity by the last tier that is reached. */
export function volumePrice(meter: TieredMeter): PriceOfTotal {
  const tiers = tiersOf(meter)
  const isReached = reach(meter)
  return (quantity) => {
    const tier = tiers.findLast((each) => isReached(each, quantity))
    return tier ? tier.flat.plus(tier.priceOf(quantity)) : ZERO
  }
}

/** `unitPrice` for each `per` of a quantity, what is left of a `per` counted as `rounding` says. */
export function priceEach(unitPrice: string, per: string, rounding: Rounding): PriceOfTotal {
  const price = new Decimal(unitPrice)
  const size = new Decimal(per)
  if (rounding === 'none') {
    // A unit's price that ends has the digits that come out of multiplying first.
    if (isPowerOfTen(size)) {
      const unit = dividedBy(price, size)
      return (quantity) => quantity.mul(unit)
    }
    return (quantity) => quantity.mul(price).div(size)
  }
  const mode = ROUNDING_MODES[rounding]
  return (quantity) => dividedBy(quantity, size).toDecimalPlaces(0, mode).mul(price)
}

const ROUNDING_MODES = { up: Decimal.ROUND_UP, nearest: Decimal.ROUND_HALF_UP, down: Decimal.ROUND_DOWN }

function tiersOf({ tiers, rounding = 'none' }: TieredMeter): readonly OpenTier[] {
  return tiers.map((tier, no) => ({
    from: new Decimal(tiers[no - 1]?.up_to ?? 0),
    upTo: tier.up_to === null ? null : new Decimal(tier.up_to),
    flat: new Decimal(tier.flat ?? 0),
    priceOf: priceEach(tier.unit_price, tier.per ?? '1', rounding),
  }))
}

/** The first tier is reached by any usage, and by none where `zero_usage` says so; another one at its boundary. */
function reach({ tier_boundary = 'inclusive', zero_usage = 'nothing' }: TieredMeter) {
  const reachedAt = tier_boundary === 'inclusive' ? 1 : 0
  return ({ from }: OpenTier, quantity: Decimal): boolean =>
    from.isZero() ? zero_usage === 'flat' || !quantity.isZero() : quantity.comparedTo(from) >= reachedAt
}

import type { Provider } from '@pydantic/genai-prices'
import { Decimal, decimalText } from '../../../core/money.ts'
import { effective, perMillionOf } from '../in-force.ts'
import type { ListPrice } from '../list-price.ts'
import { matchModel } from '../match.ts'
import type { SecondText } from './catalogue-text.ts'

/** What a second catalogue says of a price: nothing (empty), or what it lists, per million units. */
export type SecondSays = (price: ListPrice, at: string) => readonly string[]

/** A price on which two catalogues disagree. Both per million units. */
export interface Disagreement {
  readonly provider: string
  readonly model: string
  readonly meter: string
  readonly serviceTier: string
  readonly contextFrom: string
  readonly ours: string
  readonly theirs: string
  /** Theirs by ours; null where ours is zero. */
  readonly ratio: string | null
}

const RATIO_DECIMALS = 4

/**
 * Finds what a second catalogue says of a price. Its models are found by the same clauses that find those of spans; where
 * several of its names mean one model of ours, the name that is the model's counts, else what any of them says.
 */
export function secondCatalogue(second: SecondText, providers: readonly Provider[]): SecondSays {
  if (second.format === 'list') return listed(second.prices)
  const byId = new Map(providers.map((provider) => [provider.id, provider]))
  const known = new Map<string, { readonly exact: Set<string>; readonly others: Set<string> }>()
  for (const { provider, name, meter, serviceTier, contextFrom, perMillion } of second.prices) {
    const vendor = byId.get(provider)
    const key = vendor && matchModel(vendor, name, byId)
    for (const model of new Set([name, key?.provider === provider ? key.model : name])) {
      const place = JSON.stringify([provider, model, meter, serviceTier, contextFrom])
      const says = known.get(place) ?? { exact: new Set<string>(), others: new Set<string>() }
      known.set(place, says)
      if (model === name) says.exact.add(perMillion)
      else says.others.add(perMillion)
    }
  }
  return (price) => {
    if (price.region !== '' || price.schedule !== null || price.feeBasis !== 'token') return []
    const { provider, model, meter, serviceTier, contextFrom } = price
    const says = known.get(JSON.stringify([provider, model, meter, serviceTier, contextFrom]))
    return says ? [...(says.exact.size > 0 ? says.exact : says.others)] : []
  }
}

/** One by one the prices in force at `at` on which the second catalogue says something else. */
export function* disagreements(
  prices: Iterable<ListPrice>,
  says: SecondSays,
  at: string,
): Generator<Disagreement, void, void> {
  for (const price of prices) {
    if (price.effectiveFrom > at || (price.effectiveTo !== null && price.effectiveTo <= at)) continue
    const theirs = says(price, at)
    const ours = perMillionOf(price)
    if (theirs.length === 0 || theirs.some((each) => ours.equals(each))) continue
    for (const each of theirs) {
      const { provider, model, meter, serviceTier, contextFrom } = price
      const ratio = ours.isZero() ? null : new Decimal(each).div(ours).toDecimalPlaces(RATIO_DECIMALS)
      yield {
        ...{ provider, model, meter, serviceTier, contextFrom },
        ...{ ours: decimalText(ours), theirs: each, ratio: ratio && decimalText(ratio) },
      }
    }
  }
}

/** Of a list with keys of ours the row of the same series. */
function listed(prices: readonly ListPrice[]): SecondSays {
  const series = Map.groupBy(prices, placeOf)
  return (price, at) => {
    const row = effective(series.get(placeOf(price)) ?? [], at)
    return row && row.feeBasis === price.feeBasis ? [decimalText(perMillionOf(row))] : []
  }
}

function placeOf(price: ListPrice): string {
  const { provider, model, meter, serviceTier, region, contextFrom, schedule } = price
  return JSON.stringify([provider, model, meter, serviceTier, region, contextFrom, schedule])
}

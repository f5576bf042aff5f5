import { Decimal } from '../core/money.ts'
import { total } from './event-shares.ts'
import type { EventDetails, PriceIn, StackLine } from './queries/event-details.ts'

/** An event's charges, told apart by currency. Amounts of the details are of one currency. */
export interface EventPrices {
  readonly details: EventDetails
  /** What it is charged in other currencies; none of them is zero. */
  readonly others: readonly { readonly currency: string; readonly price: string }[]
}

/**
 * What an event that was ever charged in another currency than USD is charged in each, by its price lines: its stack holds
 * amounts that mean the currency of the newest revision, and a revision that changes it the difference of two.
 * @param currency of the event; null where nobody is charged
 */
export function pricesIn(details: EventDetails, currency: string | null): EventPrices {
  if (details.prices.length === 0) return { details, others: [] }
  const own = new Map<string, PriceIn[]>()
  for (const price of details.prices) {
    if (price.currency === currency) own.set(placeOf(price), [...(own.get(placeOf(price)) ?? []), price])
  }
  const take = (place: string) => {
    const found = total((own.get(place) ?? []).map(({ price }) => price)).toFixed()
    own.delete(place)
    return found
  }
  const lines = details.lines.map((line): StackLine => ({ ...line, price: take(placeOf(line)) }))
  for (const [place, [price]] of [...own]) lines.push({ ...NOTHING_USED, ...price!, price: take(place) })
  const price = total(lines.map((line) => line.price)).toFixed()
  const others = Map.groupBy(
    details.prices.filter((each) => each.currency !== currency),
    (each) => each.currency,
  )
  return {
    details: { ...details, lines, sums: { ...details.sums, price } },
    others: [...others]
      .map(([other, prices]) => ({
        currency: other,
        price: total(prices.map((each) => each.price)).toFixed(),
      }))
      .filter((each) => !new Decimal(each.price).isZero()),
  }
}

const NOTHING_USED = {
  quantity: '0',
  calls: '0',
  unpricedCalls: '0',
  unconverted: '0',
  uncharged: '0',
  cogs: '0',
}

function placeOf({ part, provider, model, tool, unit }: Omit<PriceIn, 'currency' | 'price'>): string {
  return JSON.stringify([part, provider, model, tool, part === 'other' ? unit : null])
}

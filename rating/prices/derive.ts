import { Decimal, decimalText } from '../../core/money.ts'
import { TOKEN_METERS } from '../../core/price.ts'
import { matchesGlob } from '../plans/glob.ts'
import type { Derivation } from './corrections/correction.ts'
import { type ListPrice, seriesOf } from './list-price.ts'

/**
 * What a rule works out from the list: token prices times a number, over the same time, context and hours. A series in
 * `present` is there already and not worked out; what is worked out is added to it.
 */
export function derive(
  list: readonly ListPrice[],
  present: Set<string>,
  provider: string,
  rule: Derivation,
): readonly ListPrice[] {
  const derived = list
    .filter((price) => price.provider === provider && isSource(price, rule))
    .map((price) => multiplied(price, rule))
    .map((price) => ({ price, series: seriesOf(price) }))
    .filter(({ series }) => !present.has(series))
  for (const { series } of derived) present.add(series)
  return derived.map(({ price }) => price)
}

function isSource(price: ListPrice, { models, except = [], of = {}, to }: Derivation): boolean {
  return (
    price.serviceTier === 'standard' &&
    (to.tier !== undefined || price.region === '') &&
    TOKEN_METERS.has(price.meter) &&
    (of.meter === undefined || price.meter === of.meter) &&
    (of.baseContextOnly !== true || price.contextFrom === '0') &&
    models.some((glob) => matchesGlob(glob, price.model)) &&
    !except.some((glob) => matchesGlob(glob, price.model))
  )
}

function multiplied(price: ListPrice, { times, to, source }: Derivation): ListPrice {
  return {
    ...price,
    provider: to.provider ?? price.provider,
    meter: to.meter ?? price.meter,
    serviceTier: to.tier ?? price.serviceTier,
    region: to.region ?? price.region,
    unitPrice: decimalText(new Decimal(price.unitPrice).mul(times)),
    derived: true,
    source,
  }
}

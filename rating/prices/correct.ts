import type { Provider } from '@pydantic/genai-prices'
import { matchesGlob } from '../plans/glob.ts'
import type { Correction, ProviderCorrections } from './corrections/correction.ts'
import { CORRECTIONS } from './corrections/corrections.ts'
import { derive } from './derive.ts'
import { BEGINNING, type ListPrice, type ModelAlias, seriesOf } from './list-price.ts'

/** The catalogue with the models it lacks or takes for others before its own, without prices. */
export function withOwnModels(providers: readonly Provider[]): readonly Provider[] {
  const own = new Map(CORRECTIONS.map(({ provider, models }) => [provider, models ?? []]))
  return providers.map((provider) => ({
    ...provider,
    models: [...(own.get(provider.id) ?? []).map((model) => ({ ...model, prices: {} })), ...provider.models],
  }))
}

/** The list with our corrections: rows of ours in the place of theirs, then what is worked out from both. */
export function correct(list: readonly ListPrice[]): readonly ListPrice[] {
  const own = CORRECTIONS.flatMap((corrections) => pricesOf(corrections, modelsOf(corrections, list)))
  const corrected = new Set(own.map(unscheduled))
  const kept = list.filter((price) => !corrected.has(unscheduled(price)))
  const prices = [...kept, ...own]
  const present = new Set(prices.map(seriesOf))
  for (const { provider, derivations = [] } of CORRECTIONS) {
    for (const derivation of derivations) prices.push(...derive(prices, present, provider, derivation))
  }
  return prices
}

/** Names of models that mean another one from an instant on. */
export function knownAliases(): readonly ModelAlias[] {
  return CORRECTIONS.flatMap(({ provider, aliases = [] }) => aliases.map((alias) => ({ provider, ...alias })))
}

function modelsOf(
  { provider, models = [] }: ProviderCorrections,
  list: readonly ListPrice[],
): readonly string[] {
  const listed = list.filter((price) => price.provider === provider).map((price) => price.model)
  return [...new Set([...models.map((model) => model.id), ...listed])]
}

/** A correction by the hour stands against all the catalogue says of the meter. */
function unscheduled(price: ListPrice): string {
  return seriesOf({ ...price, schedule: null })
}

function pricesOf(
  { provider, prices = [] }: ProviderCorrections,
  known: readonly string[],
): readonly ListPrice[] {
  return prices.flatMap((correction) =>
    correction.models
      .flatMap((model) =>
        model === '*' || !model.includes('*') ? [model] : known.filter((each) => matchesGlob(model, each)),
      )
      .flatMap((model) => rowsOf(provider, model, correction)),
  )
}

function rowsOf(provider: string, model: string, correction: Correction): readonly ListPrice[] {
  const common = {
    provider,
    model,
    serviceTier: correction.tier ?? 'standard',
    region: correction.region ?? '',
    minQuantity: null,
    roundingQuantity: null,
    contextFrom: correction.above ?? correction.atLeast ?? '0',
    contextInclusive: correction.atLeast !== undefined,
    schedule: correction.schedule ?? null,
    effectiveFrom: correction.from ?? BEGINNING,
    effectiveTo: correction.to ?? null,
    derived: false,
    source: correction.source,
  }
  const tokens = Object.entries(correction.perMillion ?? {}).map(([meter, unitPrice]) => ({
    ...common,
    meter: meter as ListPrice['meter'],
    unitPrice,
    per: '1000000',
    feeBasis: 'token' as const,
  }))
  const fees = (correction.fees ?? []).map(({ price, basis, minQuantity, roundingQuantity, ...fee }) => ({
    ...common,
    ...fee,
    unitPrice: price,
    feeBasis: basis,
    minQuantity: minQuantity ?? null,
    roundingQuantity: roundingQuantity ?? null,
  }))
  return [...tokens, ...fees]
}

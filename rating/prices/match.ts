import type { MatchLogic, ModelInfo, Provider } from '@pydantic/genai-prices'
import { nameOf } from '../name.ts'
import { catalogueProvider } from './providers.ts'

/** Names a series of rows in the price book. */
export interface ModelKey {
  readonly provider: string
  readonly model: string
}

/** What of a call says which model ran, in the words of its span. */
export interface ModelNames {
  readonly provider: string | null
  readonly model: string | null
  readonly requestModel: string | null
}

/** Finds the keys under which the price book may know a model, best first. */
export type FindKeys = (names: ModelNames) => readonly ModelKey[]

/** The key of fees that are the same for every model of a provider. */
export const ANY_MODEL = '*'

/** Remembered answers; more distinct names than this start over. */
export const KEYS_REMEMBERED_MAX = 10_000

/**
 * Keys of a model for a catalogue. What the provider says it ran goes before what was asked for. For each name come
 * the spellings a person may have written into an override (the span's own, the mapped provider's, any provider as
 * ''), then the catalogue's key by the catalogue's match clauses. A model that no clause matches has no catalogue key
 * but the provider's for fees of any model, which comes last.
 *
 * Where a span names no provider, the vendor that the catalogue's clauses see in the model's name is taken.
 */
export function createFindKeys(providers: readonly Provider[]): FindKeys {
  const byId = new Map(providers.map((provider) => [provider.id, provider]))
  const remembered = new Map<string, readonly ModelKey[]>()
  return (names) => {
    const question = nameOf(names.provider, names.model, names.requestModel)
    let keys = remembered.get(question)
    if (!keys) {
      if (remembered.size >= KEYS_REMEMBERED_MAX) remembered.clear()
      keys = findKeys(names, byId)
      remembered.set(question, keys)
    }
    return keys
  }
}

function findKeys(names: ModelNames, byId: ReadonlyMap<string, Provider>): readonly ModelKey[] {
  // A tool's price stands under its own name; that is no model of any catalogue.
  if (names.provider === 'tool') return [{ provider: 'tool', model: names.model ?? '' }]
  const keys = new Map<string, ModelKey>()
  const add = (provider: string, model: string) =>
    keys.set(`${provider}\0${model}`, keys.get(`${provider}\0${model}`) ?? { provider, model })
  for (const name of new Set([names.model, names.requestModel])) {
    if (!name) continue
    const model = bareModel(name)
    const vendor = vendorOf(names.provider, model, byId)
    if (names.provider) add(names.provider, name)
    if (vendor) for (const spelling of [name, model]) add(vendor.id, spelling)
    add('', name)
    const match = vendor && matchModel(vendor, model, byId)
    if (!match) continue
    // A host's own price of another's model goes before what its maker lists.
    add(vendor.id, match.model)
    add(match.provider, match.model)
  }
  const vendor = vendorOf(names.provider, bareModel(names.model ?? names.requestModel ?? ''), byId)
  if (vendor) add(vendor.id, ANY_MODEL)
  return [...keys.values()]
}

/** Drops the paths Google's clients put before a model. `:free` and its like stay: they are other prices. */
function bareModel(name: string): string {
  return name.trim().replace(/^(?:publishers\/[^/]+\/)?models\//, '')
}

function vendorOf(
  provider: string | null,
  model: string,
  byId: ReadonlyMap<string, Provider>,
): Provider | undefined {
  if (provider !== null) return byId.get(catalogueProvider(provider, (id) => byId.has(id)) ?? '')
  return [...byId.values()].find((vendor) => vendor.model_match && matches(vendor.model_match, model))
}

/** The catalogue's entry for a model name, under the provider whose list has it. */
export function matchModel(
  vendor: Provider,
  model: string,
  byId: ReadonlyMap<string, Provider>,
): ModelKey | null {
  return search(vendor, model, byId) ?? search(vendor, datedModel(model), byId)
}

function search(vendor: Provider, model: string, byId: ReadonlyMap<string, Provider>): ModelKey | null {
  for (const id of [vendor.id, ...(vendor.fallback_model_providers ?? [])]) {
    const found = byId.get(id)?.models.find((entry: ModelInfo) => matches(entry.match, model))
    if (found) return { provider: id, model: found.id }
  }
  return null
}

/** `-20250514` as `-2025-05-14`: some clauses know only the one spelling. */
function datedModel(model: string): string {
  return model.replace(
    /-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)/g,
    (_, year, month, day) => `-${year}-${month}-${day}`,
  )
}

function matches(clause: MatchLogic, name: string): boolean {
  const lower = name.toLowerCase()
  if ('or' in clause) return clause.or.some((each) => matches(each, name))
  if ('and' in clause) return clause.and.every((each) => matches(each, name))
  if ('equals' in clause) return lower === clause.equals.toLowerCase()
  if ('starts_with' in clause) return lower.startsWith(clause.starts_with.toLowerCase())
  if ('ends_with' in clause) return lower.endsWith(clause.ends_with.toLowerCase())
  if ('contains' in clause) return lower.includes(clause.contains.toLowerCase())
  return new RegExp(clause.regex).test(name)
}

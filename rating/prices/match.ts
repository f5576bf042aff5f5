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
    const path = bareModel(name)
    const vendor = vendorOf(names.provider, path, byId)
    const model = vendor ? withoutProvider(path, vendor.id, byId) : path
    if (names.provider) add(names.provider, name)
    if (vendor) for (const spelling of [name, path, model]) add(vendor.id, spelling)
    add('', name)
    const match = vendor && (matchModel(vendor, path, byId) ?? matchModel(vendor, model, byId))
    if (!match || isOtherVersion(model, match, byId)) continue
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
  return name.trim().replace(/^(?:(?:projects\/[^/]+\/locations\/[^/]+\/)?publishers\/[^/]+\/)?models\//, '')
}

/** `xai/grok-4` of xAI as `grok-4`: proxies write so. Another's name before the slash is part of the model's. */
function withoutProvider(model: string, vendorId: string, byId: ReadonlyMap<string, Provider>): string {
  const slash = model.indexOf('/')
  if (slash < 0) return model
  const named = catalogueProvider(model.slice(0, slash), (id) => byId.has(id))
  return named === vendorId ? model.slice(slash + 1) : model
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

/**
 * Whether a model that a clause took by the beginning of its name is another version than the one the list has:
 * Sonnet 5.6 is not Sonnet 5, and `nova-pro-v2:0` is not `nova-pro-v1:0`. Sizes (`-8b`), builds (`-001`) and dates are
 * no versions. What another version costs is unknown until somebody lists it.
 */
function isOtherVersion(model: string, match: ModelKey, byId: ReadonlyMap<string, Provider>): boolean {
  const name = model.toLowerCase()
  const entry = byId.get(match.provider)?.models.find(({ id }) => id === match.model)
  if (entry && isNamed(entry.match, name)) return false
  const key = match.model
  const family = key
    .toLowerCase()
    .replace(/^(?:global|regional)\./, '')
    .replace(BUILD, '')
  const [, listed] = BUILD.exec(key) ?? []
  const [, ran] = BUILD.exec(name) ?? []
  if (listed !== undefined && ran !== undefined && listed !== ran) return true
  const at = name.indexOf(family)
  return at >= 0 && name !== family && FURTHER_VERSION.test(name.slice(at + family.length))
}

/** Whether a clause names a model in full, and not only how its name begins. */
function isNamed(clause: MatchLogic, name: string): boolean {
  if ('or' in clause) return clause.or.some((each) => isNamed(each, name))
  return ('equals' in clause || 'regex' in clause) && matches(clause, name)
}

/** Bedrock's: `-v2:0` and the like. */
const BUILD = /-v(\d+)(?::\d+)?$/
const FURTHER_VERSION = /^[-.](?!0(?!\d))\d{1,2}(?!\w|-20\d\d(?!\d))/

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

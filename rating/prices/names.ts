import { ANY_MODEL, createFindKeys } from './match.ts'
import { catalogueProvider } from './providers.ts'
import { bundledCatalogue } from './seed.ts'

/** Names that rows of the price book may stand under; null: any. */
export interface PriceNames {
  readonly provider: string | null
  readonly model: string | null
}

/**
 * Under which names the prices of a provider, a model or both stand: those that were given, and what rating takes them
 * for where they are a span's (`aws.bedrock`, `claude-sonnet-4-5-20250929`). Aliases are dated, and looked up in the book.
 * @returns no names where none were given: all prices
 */
export async function priceNamesOf(
  provider: string | undefined,
  model: string | undefined,
): Promise<readonly PriceNames[]> {
  if (model === undefined) {
    if (provider === undefined) return []
    const listed = catalogueProvider(provider, () => true)
    return [...new Set([provider, listed])].map((name) => ({ provider: name, model: null }))
  }
  const given = { provider: provider ?? null, model }
  const keys = createFindKeys(await bundledCatalogue())({ ...given, requestModel: null })
  return [given, ...keys.filter((key) => key.provider !== '' && key.model !== ANY_MODEL)]
}

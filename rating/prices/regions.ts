import { catalogueProvider } from './providers.ts'

/**
 * Which prices of a provider a region means; empty for those without a region. A region is what the span says, often
 * where the agent runs and not the model: so only words are taken that no cloud gives to its own regions, except where
 * the provider's endpoints are the cloud's.
 */
export function priceRegion(provider: string | null, region: string | null): string {
  if (provider === null || region === null) return ''
  const place = region.trim().toLowerCase()
  const host = catalogueProvider(provider, () => true)
  return RULES.find((rule) => rule.provider === host && rule.region.test(place))?.prices(provider) ?? ''
}

interface RegionRule {
  readonly provider: string
  readonly region: RegExp
  /** The region of the price book, by the provider as the span names it. */
  readonly prices: (spanProvider: string) => string
}

const VERTEX = /vertex/i

const RULES: readonly RegionRule[] = [
  // Data Zones; `eastus` and the like are where the resource is, at the global price.
  { provider: 'azure', region: /data[-_ ]?zone|^(?:us|eu)$/, prices: () => 'data-zone' },
  // Anthropic's inference_geo.
  { provider: 'anthropic', region: /^us$/, prices: () => 'us' },
  // Data residency.
  { provider: 'openai', region: /^(?:us|eu)$/, prices: () => 'residency' },
  { provider: 'x-ai', region: /^us$/, prices: () => 'us' },
  // Vertex AI's endpoints are global or regional; the Gemini API has none.
  {
    provider: 'google',
    region: /^(?!global$)./,
    prices: (provider) => (VERTEX.test(provider) ? 'regional' : ''),
  },
]

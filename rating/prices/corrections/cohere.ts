import type { ProviderCorrections } from './correction.ts'

const PRICING = 'https://docs.cohere.com/docs/how-does-cohere-pricing-work'
const unit = (price: string) => ({ meter: 'search_unit', price, per: '1000', basis: 'search_unit' }) as const

/** A search unit is one query over up to 100 documents; Cohere counts the units itself. */
export const COHERE: ProviderCorrections = {
  provider: 'cohere',
  models: [
    { id: 'rerank-v3.5', match: { starts_with: 'rerank-v3.5' } },
    { id: 'rerank-v4.0-pro', match: { starts_with: 'rerank-v4.0-pro' } },
    { id: 'rerank-v4.0-fast', match: { starts_with: 'rerank-v4.0-fast' } },
    {
      id: 'rerank-v3.0',
      match: { or: [{ starts_with: 'rerank-english-v3.0' }, { starts_with: 'rerank-multilingual-v3.0' }] },
    },
    { id: 'embed-v3.0', match: { and: [{ starts_with: 'embed-' }, { ends_with: '-v3.0' }] } },
  ],
  prices: [
    { models: ['rerank-v3.5', 'rerank-v3.0', 'rerank-v4.0-fast'], source: PRICING, fees: [unit('2')] },
    { models: ['rerank-v4.0-pro'], source: PRICING, fees: [unit('2.5')] },
    { models: ['embed-v3.0'], source: 'https://cohere.com/pricing', perMillion: { input_uncached: '0.1' } },
  ],
}

import type { ProviderCorrections } from './correction.ts'

const PRICING = 'https://aws.amazon.com/bedrock/pricing'

/** Global and geographic profiles differ by the model's id, which the catalogue tells apart. */
export const AWS: ProviderCorrections = {
  provider: 'aws',
  models: [
    // Taken for the model of the first version by the catalogue, at five times the price.
    { id: 'amazon.titan-embed-text-v2:0', match: { contains: 'titan-embed-text-v2' } },
    { id: 'cohere.rerank-v3-5:0', match: { contains: 'cohere.rerank-v3-5' } },
    // Newer than the catalogue, which would take them for their elders; AWS lists them by itself.
    {
      id: 'anthropic.claude-5-5',
      match: { or: [{ contains: 'claude-sonnet-5-5' }, { contains: 'claude-haiku-5-5' }] },
    },
  ],
  prices: [
    { models: ['amazon.titan-embed-text-v2:0'], source: PRICING, perMillion: { input_uncached: '0.02' } },
    {
      models: ['cohere.rerank-v3-5:0'],
      source: PRICING,
      fees: [{ meter: 'search_unit', price: '2', per: '1000', basis: 'search_unit' }],
    },
  ],
  derivations: [
    {
      models: ['*claude*'],
      source:
        'https://platform.claude.com/docs/en/build-with-claude/prompt-caching (one hour: twice the input price)',
      times: '2',
      of: { meter: 'input_uncached' },
      to: { meter: 'cache_write_1h' },
    },
    { models: ['*'], source: `${PRICING} (batch: half)`, times: '0.5', to: { tier: 'batch' } },
  ],
}

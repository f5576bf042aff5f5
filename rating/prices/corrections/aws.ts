import type { ProviderCorrections } from './correction.ts'

const PRICING = 'https://aws.amazon.com/bedrock/pricing'

const GEO_PROFILES = ['us', 'eu', 'apac', 'au', 'jp']
const GEO_MODELS = [
  ['claude-fable-5', 'regional.anthropic.claude-fable-5-v1:0'],
  ['claude-fable-5-1', 'regional.anthropic.claude-fable-5-1-v1:0'],
  ['claude-opus-4-8', 'regional.anthropic.claude-opus-4-8-v1:0'],
  ['claude-opus-5', 'regional.anthropic.claude-opus-5'],
  ['claude-opus-5-5', 'regional.anthropic.claude-opus-5-5'],
] as const

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
    // Profiles of a part of the world by the id that has no version, of which the catalogue knows some.
    ...GEO_MODELS.map(([name, id]) => ({
      id,
      match: { or: GEO_PROFILES.map((place) => ({ equals: `${place}.anthropic.${name}` })) },
    })),
  ],
  prices: [
    { models: ['amazon.titan-embed-text-v2:0'], source: PRICING, perMillion: { input_uncached: '0.02' } },
    // As its maker's: above 200,000 tokens the whole request costs twice its input and 1.5 times its output.
    {
      models: [
        'global.anthropic.claude-sonnet-4-20250514-v1:0',
        'regional.anthropic.claude-sonnet-4-20250514-v1:0',
        'global.anthropic.claude-sonnet-4-5-20250929-v1:0',
      ],
      source: `${PRICING} (long context)`,
      above: '200000',
      perMillion: { input_uncached: '6', cache_read: '0.6', cache_write: '7.5', output: '22.5' },
    },
    {
      models: ['regional.anthropic.claude-sonnet-4-5-20250929-v1:0'],
      source: `${PRICING} (long context)`,
      above: '200000',
      perMillion: { input_uncached: '6.6', cache_read: '0.66', cache_write: '8.25', output: '24.75' },
    },
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

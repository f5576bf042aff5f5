import type { ProviderCorrections } from './correction.ts'

const PRICING = 'https://mistral.ai/pricing/api'
const CACHING = 'https://docs.mistral.ai/capabilities/prompt_caching (0.1x)'

export const MISTRAL: ProviderCorrections = {
  provider: 'mistral',
  prices: [
    {
      models: ['*'],
      source: `${PRICING} (connectors)`,
      fees: [{ meter: 'web_search', price: '30', per: '1000', basis: 'call' }],
    },
  ],
  derivations: [
    {
      models: ['mistral-*', 'ministral-*', 'magistral-*', 'codestral*', 'devstral-*', 'pixtral-*'],
      except: ['*embed*', '*ocr*'],
      source: CACHING,
      times: '0.1',
      of: { meter: 'input_uncached' },
      to: { meter: 'cache_read' },
    },
    { models: ['*'], source: `${PRICING} (batch: half)`, times: '0.5', to: { tier: 'batch' } },
  ],
  // `-latest` follows the newest release; the catalogue knows only what it meant once.
  aliases: [
    {
      alias: 'mistral-large-latest',
      toProvider: 'mistral',
      toModel: 'mistral-large-2512',
      effectiveFrom: '2025-12-02T00:00:00.000Z',
      effectiveTo: null,
      source: 'https://mistral.ai/news/mistral-3',
    },
    {
      alias: 'mistral-small-latest',
      toProvider: 'mistral',
      toModel: 'mistral-small-2603',
      effectiveFrom: '2026-03-16T00:00:00.000Z',
      effectiveTo: null,
      source: 'https://mistral.ai/news/mistral-small-4',
    },
  ],
}

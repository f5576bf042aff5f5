import type { ProviderCorrections } from './correction.ts'

const PRICING = 'https://azure.microsoft.com/pricing/details/cognitive-services/openai-service'

/** Global deployments cost what OpenAI lists; Data Zones have meters of their own, 10% above it. */
export const AZURE: ProviderCorrections = {
  provider: 'azure',
  prices: [
    // The catalogue has this one price rounded to two decimals.
    { models: ['o4-mini'], source: PRICING, perMillion: { cache_read: '0.275' } },
  ],
  derivations: [
    {
      models: ['o1*', 'o3*', 'o4*', 'text-embedding-*'],
      source: `${PRICING} (Data Zone: +10%)`,
      times: '1.1',
      to: { region: 'data-zone' },
    },
    {
      models: ['gpt-*', 'o1*', 'o3*', 'o4*'],
      source: `${PRICING} (batch: half)`,
      times: '0.5',
      to: { tier: 'batch' },
    },
  ],
}

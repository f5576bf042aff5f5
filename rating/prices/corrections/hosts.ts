import type { ProviderCorrections } from './correction.ts'

/** Groq's flex tier has higher limits and no price of its own. */
export const GROQ: ProviderCorrections = {
  provider: 'groq',
  prices: [
    {
      models: ['whisper-large-v3'],
      source: 'https://console.groq.com/docs/speech-to-text (billed for ten seconds at least)',
      fees: [
        { meter: 'input_audio_second', price: '0.111', per: '3600', basis: 'second', minQuantity: '10' },
      ],
    },
    {
      models: ['whisper-large-v3-turbo'],
      source: 'https://console.groq.com/docs/speech-to-text (billed for ten seconds at least)',
      fees: [{ meter: 'input_audio_second', price: '0.04', per: '3600', basis: 'second', minQuantity: '10' }],
    },
  ],
  derivations: [
    {
      models: ['*'],
      source: 'https://console.groq.com/docs/batch (half)',
      times: '0.5',
      to: { tier: 'batch' },
    },
    {
      models: ['*'],
      source: 'https://console.groq.com/docs/flex-processing (the price on demand)',
      times: '1',
      to: { tier: 'flex' },
    },
  ],
}

const SONAR =
  'https://docs.perplexity.ai/getting-started/pricing (request fee of the low search context, the default)'
const perRequest = (price: string) => ({ meter: 'request', price, per: '1000', basis: 'request' }) as const

/** A request costs by its search context, which no span tells: the catalogue has the price of the highest. */
export const PERPLEXITY: ProviderCorrections = {
  provider: 'perplexity',
  prices: [
    { models: ['sonar', 'sonar-reasoning'], source: SONAR, fees: [perRequest('5')] },
    { models: ['sonar-pro', 'sonar-reasoning-pro'], source: SONAR, fees: [perRequest('6')] },
  ],
}

/** What is free says so in its name; without the suffix it is another row, with a price. */
export const OPENROUTER: ProviderCorrections = {
  provider: 'openrouter',
  models: [{ id: ':free', match: { ends_with: ':free' } }],
  prices: [
    {
      models: [':free'],
      source: 'https://openrouter.ai/docs/api-reference/limits (free variants)',
      perMillion: { input_uncached: '0', output: '0' },
    },
  ],
}

import type { ProviderCorrections } from './correction.ts'

const PRICING = 'https://docs.x.ai/docs/models'

export const X_AI: ProviderCorrections = {
  provider: 'x-ai',
  prices: [
    {
      models: [
        'grok-4-fast-reasoning',
        'grok-4-fast-non-reasoning',
        'grok-4-1-fast-reasoning',
        'grok-4-1-fast-non-reasoning',
      ],
      source:
        'https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json (above 128k)',
      above: '128000',
      perMillion: { input_uncached: '0.4', cache_read: '0.1', output: '1' },
    },
    {
      models: ['*'],
      source: 'https://docs.x.ai/developers/pricing (tools, per 1,000 calls that succeeded)',
      fees: [
        { meter: 'web_search', price: '5', per: '1000', basis: 'call' },
        { meter: 'x_search', price: '5', per: '1000', basis: 'call' },
        { meter: 'code_execution', price: '5', per: '1000', basis: 'call' },
        { meter: 'attachment_search', price: '10', per: '1000', basis: 'call' },
        { meter: 'collection_search', price: '2.5', per: '1000', basis: 'call' },
      ],
    },
  ],
  derivations: [
    {
      models: ['grok-*'],
      except: ['*voice*'],
      source: `${PRICING} (US endpoint: 1.1x)`,
      times: '1.1',
      to: { region: 'us' },
    },
  ],
}

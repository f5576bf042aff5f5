import type { ProviderCorrections } from './correction.ts'

const PRICING = 'https://platform.claude.com/docs/en/about-claude/pricing'

/** Models whose price depends on where they run. */
const GEO_MODELS = [
  'claude-opus-4-6',
  'claude-opus-4-7',
  'claude-opus-4-8',
  'claude-opus-5',
  'claude-opus-5-5',
  'claude-sonnet-4-6',
  'claude-sonnet-5',
  'claude-sonnet-5-5',
  'claude-haiku-5-5',
  'claude-fable-5',
  'claude-fable-5-1',
]

export const ANTHROPIC: ProviderCorrections = {
  provider: 'anthropic',
  // The catalogue takes Sonnet 5.5 for Sonnet 5.
  models: [
    {
      id: 'claude-sonnet-5-5',
      match: { or: [{ starts_with: 'claude-sonnet-5-5' }, { starts_with: 'claude-sonnet-5.5' }] },
    },
    {
      id: 'claude-haiku-5-5',
      match: { or: [{ starts_with: 'claude-haiku-5-5' }, { starts_with: 'claude-haiku-5.5' }] },
    },
  ],
  prices: [
    {
      models: ['claude-sonnet-4-0'],
      source: `${PRICING} (1M context beta: above 200K input 2x, output 1.5x for the whole request)`,
      above: '200000',
      perMillion: {
        input_uncached: '6',
        cache_read: '0.6',
        cache_write: '7.5',
        cache_write_1h: '12',
        output: '22.5',
      },
    },
    {
      models: ['claude-sonnet-5-5'],
      source: 'https://github.com/kurofune/claudit/releases/tag/v1.9.1',
      from: '2026-09-28T00:00:00.000Z',
      perMillion: { input_uncached: '2', cache_write: '2.5', cache_write_1h: '4', output: '10' },
    },
    {
      models: ['claude-sonnet-5-5'],
      source: 'https://github.com/kurofune/claudit/releases/tag/v1.9.1',
      from: '2026-09-28T00:00:00.000Z',
      to: '2026-10-07T00:00:00.000Z',
      perMillion: { cache_read: '0.2' },
    },
    {
      models: ['claude-sonnet-5-5'],
      source: 'https://github.com/kurofune/claudit/releases/tag/v1.9.2',
      from: '2026-10-07T00:00:00.000Z',
      perMillion: { cache_read: '0.1' },
    },
    {
      models: ['claude-haiku-5-5'],
      source: 'https://github.com/kurofune/claudit/releases/tag/v1.9.2',
      from: '2026-10-07T00:00:00.000Z',
      perMillion: {
        input_uncached: '0.1',
        cache_read: '0.01',
        cache_write: '0.125',
        cache_write_1h: '0.2',
        output: '0.5',
      },
    },
    {
      models: ['claude-haiku-5-5'],
      source: 'https://github.com/kurofune/claudit/releases/tag/v1.9.2',
      from: '2026-10-07T00:00:00.000Z',
      above: '100000',
      perMillion: {
        input_uncached: '0.5',
        cache_read: '0.05',
        cache_write: '0.625',
        cache_write_1h: '1',
        output: '2.5',
      },
    },
    {
      models: ['*'],
      source: PRICING,
      fees: [
        { meter: 'web_search', price: '10', per: '1000', basis: 'call' },
        // A container is billed for five minutes at least.
        {
          meter: 'container_second',
          price: '0.05',
          per: '3600',
          basis: 'container_hour',
          minQuantity: '300',
        },
      ],
    },
  ],
  derivations: [
    { models: GEO_MODELS, source: `${PRICING} (inference_geo us: 1.1x)`, times: '1.1', to: { region: 'us' } },
    { models: ['claude-*'], source: `${PRICING} (batch: half)`, times: '0.5', to: { tier: 'batch' } },
    {
      models: ['claude-opus-4-8', 'claude-opus-5'],
      source: `${PRICING} (fast mode: $10 and $50)`,
      times: '2',
      to: { tier: 'fast' },
    },
  ],
}

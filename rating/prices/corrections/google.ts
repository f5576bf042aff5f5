import type { ProviderCorrections } from './correction.ts'

const PRICING = 'https://ai.google.dev/gemini-api/docs/pricing'
const TEXT = ['gemini-*']
const NO_TEXT = ['*tts*', '*live*', '*-image*', '*embedding*', '*omni*', 'gemini-pro', 'gemini-1.0*']

export const GOOGLE: ProviderCorrections = {
  provider: 'google',
  models: [
    { id: 'gemini-4-argon', match: { starts_with: 'gemini-4-argon' } },
    {
      id: 'claude-5-5',
      match: { or: [{ starts_with: 'claude-sonnet-5-5' }, { starts_with: 'claude-haiku-5-5' }] },
    },
  ],
  prices: [
    {
      models: ['gemini-4-argon'],
      source: 'https://blog.google/innovation-and-ai/models-and-research/gemini-models/gemini-4-argon',
      to: '2026-12-01T00:00:00.000Z',
      perMillion: { input_uncached: '2', output: '10' },
    },
    {
      models: ['gemini-4-argon'],
      source: 'https://blog.google/innovation-and-ai/models-and-research/gemini-models/gemini-4-argon',
      from: '2026-12-01T00:00:00.000Z',
      perMillion: { input_uncached: '4', output: '20' },
    },
    // A twentieth of the input: Google's tenth for Gemini 2.5 and 3 ended with them.
    {
      models: ['gemini-4-argon'],
      source: 'https://github.com/iyulab/TokenMeter/releases/tag/v0.13.1',
      to: '2026-12-01T00:00:00.000Z',
      perMillion: { cache_read: '0.1' },
    },
    {
      models: ['gemini-4-argon'],
      source: 'https://github.com/iyulab/TokenMeter/releases/tag/v0.13.1',
      from: '2026-12-01T00:00:00.000Z',
      perMillion: { cache_read: '0.2' },
    },
    // A prompt that was grounded costs one fee, however many queries it took.
    {
      models: ['gemini-1.5*', 'gemini-flash-1.5*', 'gemini-pro-1.5', 'gemini-2*'],
      source: `${PRICING} (grounding with Google Search, per prompt)`,
      fees: [{ meter: 'web_search', price: '35', per: '1000', basis: 'request' }],
    },
    // From Gemini 3 on every query costs.
    {
      models: ['gemini-3*', 'gemini-4*'],
      source: `${PRICING} (grounding with Google Search, per query)`,
      fees: [{ meter: 'web_search', price: '14', per: '1000', basis: 'call' }],
    },
  ],
  derivations: [
    {
      models: ['claude-*'],
      source:
        'https://platform.claude.com/docs/en/build-with-claude/prompt-caching (one hour: twice the input price)',
      times: '2',
      of: { meter: 'input_uncached' },
      to: { meter: 'cache_write_1h' },
    },
    // The Pro models have one price for all that goes in.
    {
      models: ['gemini-2.5-pro', 'gemini-3-pro-preview', 'gemini-3.1-pro-preview'],
      source: `${PRICING} (one input price for text, image, video and audio)`,
      times: '1',
      of: { meter: 'input_uncached' },
      to: { meter: 'input_audio' },
    },
    {
      models: ['gemini-2.5-pro', 'gemini-3-pro-preview', 'gemini-3.1-pro-preview'],
      source: `${PRICING} (one input price for text, image, video and audio)`,
      times: '1',
      of: { meter: 'cache_read' },
      to: { meter: 'cache_read_audio' },
    },
    {
      models: [
        'claude-*-4-5',
        'claude-*-4-6',
        'claude-*-4-7',
        'claude-*-4-8',
        'claude-*-5',
        'claude-*-5-1',
        'claude-*-5-5',
      ],
      source:
        'https://platform.claude.com/docs/en/about-claude/pricing (Vertex AI, regional endpoints: +10%)',
      times: '1.1',
      to: { region: 'regional' },
    },
    {
      models: TEXT,
      except: NO_TEXT,
      source: `${PRICING} (batch: half)`,
      times: '0.5',
      to: { tier: 'batch' },
    },
    {
      models: ['gemini-embedding-*'],
      source: `${PRICING} (batch: half)`,
      times: '0.5',
      to: { tier: 'batch' },
    },
    { models: TEXT, except: NO_TEXT, source: `${PRICING} (flex: half)`, times: '0.5', to: { tier: 'flex' } },
    {
      models: TEXT,
      except: NO_TEXT,
      source: `${PRICING} (priority: 1.8x)`,
      times: '1.8',
      to: { tier: 'priority' },
    },
  ],
}

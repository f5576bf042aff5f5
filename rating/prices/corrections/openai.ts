import type { ProviderCorrections } from './correction.ts'

const PRICING = 'https://developers.openai.com/api/docs/pricing'
const PRIORITY = 'https://openai.com/api-priority-processing'
const FLEX_MODELS = ['gpt-5*', 'gpt-6*', 'o3', 'o4-mini']
/** Token prices of the models that answer; images, speech and embeddings have lists of their own. */
const TEXT_MODELS = [
  'gpt-3.5*',
  'gpt-4*',
  'gpt-5*',
  'gpt-6*',
  'o1*',
  'o3*',
  'o4*',
  'computer-use',
  'codex-mini',
]
const NO_TEXT = ['*audio*', '*realtime*', '*transcribe*', '*tts*', '*image*', '*search-preview*']

/** Priority costs a multiple that differs from model to model, on every kind of token; long context is not served. */
const PRIORITY_TIMES: readonly (readonly [string, readonly string[]])[] = [
  ['1.7', ['gpt-4o']],
  ['1.75', ['gpt-4.1', 'gpt-4.1-mini', 'gpt-4o-2024-05-13', 'o3']],
  ['1.8', ['gpt-5-mini']],
  ['2', ['gpt-4.1-nano', 'gpt-5', 'gpt-5.1', 'gpt-5.2', 'gpt-5.3-codex', 'gpt-5.4', 'gpt-5.4-mini']],
  ['2', ['gpt-5.6-luna', 'gpt-5.6-sol', 'gpt-5.6-terra']],
  ['2', ['gpt-6-astra', 'gpt-6-luna', 'gpt-6-sol', 'gpt-6.1-sol', 'gpt-6.1-terra']],
  ['2.5', ['gpt-5.5']],
]

export const OPENAI: ProviderCorrections = {
  provider: 'openai',
  models: [
    { id: 'gpt-6.1-sol', match: { starts_with: 'gpt-6.1-sol' } },
    { id: 'gpt-6.1-terra', match: { starts_with: 'gpt-6.1-terra' } },
    { id: 'gpt-4o-mini-search-preview', match: { starts_with: 'gpt-4o-mini-search-preview' } },
  ],
  prices: [
    {
      models: ['gpt-6.1-sol'],
      source: 'https://github.com/TheKrush/PromptFuel/releases/tag/v1.0.22',
      from: '2026-09-29T00:00:00.000Z',
      perMillion: { input_uncached: '2', cache_read: '0.1', cache_write: '2.5', output: '10' },
    },
    {
      models: ['gpt-6.1-sol'],
      source:
        'https://developers.openai.com/api/docs/models/gpt-6-sol (the rule of the family: input 2x, output 1.5x)',
      from: '2026-09-29T00:00:00.000Z',
      above: '272000',
      perMillion: { input_uncached: '4', cache_read: '0.2', cache_write: '5', output: '15' },
    },
    // Writes that live twelve hours cost something else; they cannot be told from those of 30 minutes in a span.
    {
      models: ['gpt-6.1-terra'],
      source: 'https://github.com/TheKrush/PromptFuel/releases (v1.0.24)',
      from: '2026-10-26T00:00:00.000Z',
      perMillion: { input_uncached: '1', cache_read: '0.05', cache_write: '1.25', output: '5' },
    },
    {
      models: ['gpt-6.1-terra'],
      source:
        'https://developers.openai.com/api/docs/models/gpt-6-sol (the rule of the family: input 2x, output 1.5x)',
      from: '2026-10-26T00:00:00.000Z',
      above: '272000',
      perMillion: { input_uncached: '2', cache_read: '0.1', cache_write: '2.5', output: '7.5' },
    },
    // The catalogue has the cached price of today for both; it was a quarter of the input before the cut, too.
    {
      models: ['o3'],
      source: 'https://openai.com/api/pricing (o3 of 2025-04-16: cached input $2.50)',
      to: '2025-06-10T00:00:00.000Z',
      perMillion: { cache_read: '2.5' },
    },
    {
      models: ['o3'],
      source: 'https://openai.com/api/pricing (o3: cached input $0.50)',
      from: '2025-06-10T00:00:00.000Z',
      perMillion: { cache_read: '0.5' },
    },
    {
      models: ['gpt-4o-audio-preview'],
      source: 'https://openai.com/api/pricing (audio of gpt-4o-audio-preview-2024-10-01)',
      to: '2024-12-17T00:00:00.000Z',
      perMillion: { input_audio: '100', output_audio: '200' },
    },
    {
      models: ['gpt-4o-audio-preview'],
      source: 'https://openai.com/api/pricing (audio of gpt-4o-audio-preview-2024-12-17)',
      from: '2024-12-17T00:00:00.000Z',
      perMillion: { input_audio: '40', output_audio: '80' },
    },
    {
      models: ['gpt-4o-mini-audio-preview'],
      source: 'https://openai.com/api/pricing (audio tokens)',
      perMillion: { input_audio: '10', output_audio: '20' },
    },
    {
      models: ['gpt-4o-mini'],
      source: PRIORITY,
      tier: 'priority',
      perMillion: { input_uncached: '0.25', cache_read: '0.125', output: '1' },
    },
    {
      models: ['o4-mini'],
      source: PRIORITY,
      tier: 'priority',
      perMillion: { input_uncached: '2', cache_read: '0.5', output: '8' },
    },
    {
      models: ['gpt-4o-mini-search-preview'],
      source: PRICING,
      perMillion: { input_uncached: '0.15', output: '0.6' },
    },
    {
      models: ['gpt-4o-search-preview', 'gpt-4o-mini-search-preview'],
      source: `${PRICING} (search models: $25 per 1,000 calls, content tokens are free)`,
      fees: [{ meter: 'web_search', price: '25', per: '1000', basis: 'call' }],
    },
    {
      models: ['*'],
      source: PRICING,
      fees: [
        { meter: 'web_search', price: '10', per: '1000', basis: 'call' },
        { meter: 'file_search', price: '2.5', per: '1000', basis: 'call' },
        { meter: 'code_session', price: '0.03', per: '1', basis: 'call' },
      ],
    },
    // Each search of these two is billed with a block of 8,000 input tokens, whatever it found.
    {
      models: ['gpt-4.1-mini'],
      source: `${PRICING} (web search: $10 per 1,000 calls and 8,000 input tokens per call)`,
      fees: [{ meter: 'web_search', price: '13.2', per: '1000', basis: 'call' }],
    },
    {
      models: ['gpt-4o-mini'],
      source: `${PRICING} (web search: $10 per 1,000 calls and 8,000 input tokens per call)`,
      fees: [{ meter: 'web_search', price: '11.2', per: '1000', basis: 'call' }],
    },
    {
      models: ['gpt-4o', 'gpt-4o-2024-05-13', 'gpt-4.1', 'gpt-4o-mini', 'gpt-4.1-mini', 'gpt-4.1-nano'],
      source: `${PRICING} (web_search_preview of models that do not reason: content tokens are free)`,
      fees: [{ meter: 'web_search_preview', price: '25', per: '1000', basis: 'call' }],
    },
    {
      models: ['*'],
      source: `${PRICING} (web_search_preview of models that reason)`,
      fees: [{ meter: 'web_search_preview', price: '10', per: '1000', basis: 'call' }],
    },
  ],
  derivations: [
    {
      models: ['gpt-5.4*', 'gpt-5.5*', 'gpt-5.6*', 'gpt-6*'],
      except: NO_TEXT,
      source: `${PRICING} (regional processing: +10%)`,
      times: '1.1',
      to: { region: 'residency' },
    },
    {
      models: [...TEXT_MODELS, 'text-embedding-*'],
      except: NO_TEXT,
      source: `${PRICING} (batch: half)`,
      times: '0.5',
      to: { tier: 'batch' },
    },
    {
      models: FLEX_MODELS,
      except: [...NO_TEXT, '*-chat*'],
      source: `${PRICING} (flex: half)`,
      times: '0.5',
      to: { tier: 'flex' },
    },
    ...PRIORITY_TIMES.map(([times, models]) => ({
      models,
      source: PRIORITY,
      times,
      of: { baseContextOnly: true as const },
      to: { tier: 'priority' },
    })),
    {
      models: [...TEXT_MODELS, 'text-embedding-*'],
      except: NO_TEXT,
      source:
        'https://azure.microsoft.com/pricing/details/cognitive-services/openai-service (Data Zone: +10%)',
      times: '1.1',
      to: { provider: 'azure', region: 'data-zone' },
    },
  ],
}

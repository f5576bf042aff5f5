import type { PriceSchedule } from '../../../core/price.ts'
import type { Correction, ProviderCorrections } from './correction.ts'

const PRICING = 'https://api-docs.deepseek.com/quick_start/pricing'
const V4 = 'https://api-docs.deepseek.com/news/news260424'
const V4_HOURS = 'https://api-docs.deepseek.com/news/news260813'

const EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]
const OFF_PEAK: PriceSchedule = { tz: 'UTC', weekdays: EVERY_DAY, from: '16:30', to: '00:30' }
/** 01:00 to 04:00 and 06:00 to 10:00 UTC; the weekend is Beijing's. */
const PEAKS = [
  { tz: 'Asia/Shanghai', from: '09:00', to: '12:00' },
  { tz: 'Asia/Shanghai', from: '14:00', to: '18:00' },
]
const WORKDAYS = [1, 2, 3, 4, 5]

/** 2025-09-05 brought one price for both models and all hours. */
const V3_1_FROM = '2025-09-05T16:00:00.000Z'
const V3_2_FROM = '2025-09-29T10:00:00.000Z'
/** 2026-08-17 and 2026-08-23 at midnight in Beijing. */
const HOURS_FROM = '2026-08-16T16:00:00.000Z'
const WEEKENDS_FROM = '2026-08-22T16:00:00.000Z'

export const DEEPSEEK: ProviderCorrections = {
  provider: 'deepseek',
  prices: [
    {
      models: ['deepseek-chat'],
      source: PRICING,
      to: V3_1_FROM,
      perMillion: { input_uncached: '0.27', cache_read: '0.07', output: '1.1' },
    },
    {
      models: ['deepseek-reasoner'],
      source: PRICING,
      to: V3_1_FROM,
      perMillion: { input_uncached: '0.55', cache_read: '0.14', output: '2.19' },
    },
    {
      models: ['deepseek-chat', 'deepseek-reasoner'],
      source: `${PRICING} (off-peak hours)`,
      to: V3_1_FROM,
      schedule: OFF_PEAK,
      perMillion: { input_uncached: '0.135', cache_read: '0.035', output: '0.55' },
    },
    {
      models: ['deepseek-chat', 'deepseek-reasoner'],
      source: PRICING,
      from: V3_1_FROM,
      to: V3_2_FROM,
      perMillion: { input_uncached: '0.56', cache_read: '0.07', output: '1.68' },
    },
    {
      models: ['deepseek-chat', 'deepseek-reasoner'],
      source: 'https://api-docs.deepseek.com/news/news250929',
      from: V3_2_FROM,
      to: '2026-04-24T00:00:00.000Z',
      perMillion: { input_uncached: '0.28', cache_read: '0.028', output: '0.42' },
    },
    {
      models: ['deepseek-v4-flash'],
      source: V4,
      to: HOURS_FROM,
      perMillion: { input_uncached: '0.14', cache_read: '0.0028', output: '0.28' },
    },
    {
      models: ['deepseek-v4-pro'],
      source: V4,
      to: HOURS_FROM,
      perMillion: { input_uncached: '0.435', cache_read: '0.003625', output: '0.87' },
    },
    ...byTheHour('deepseek-v4-flash', ['0.22', '0.007', '0.66'], ['0.44', '0.014', '1.32']),
    ...byTheHour('deepseek-v4-pro', ['0.66', '0.022', '1.98'], ['1.32', '0.044', '3.96']),
  ],
  aliases: ['deepseek-chat', 'deepseek-reasoner'].map((alias) => ({
    alias,
    toProvider: 'deepseek',
    toModel: 'deepseek-v4-flash',
    effectiveFrom: '2026-04-24T00:00:00.000Z',
    effectiveTo: '2026-07-24T15:59:00.000Z',
    source: V4,
  })),
}

type Prices = readonly [input: string, cacheRead: string, output: string]

function byTheHour(model: string, offPeak: Prices, peak: Prices): readonly Correction[] {
  const common = { models: [model], source: V4_HOURS }
  return [
    { ...common, from: HOURS_FROM, perMillion: perMillion(offPeak) },
    ...PEAKS.flatMap((hours) => [
      {
        ...common,
        from: HOURS_FROM,
        to: WEEKENDS_FROM,
        schedule: { ...hours, weekdays: EVERY_DAY },
        perMillion: perMillion(peak),
      },
      {
        ...common,
        from: WEEKENDS_FROM,
        schedule: { ...hours, weekdays: WORKDAYS },
        perMillion: perMillion(peak),
      },
    ]),
  ]
}

function perMillion([input, cacheRead, output]: Prices) {
  return { input_uncached: input, cache_read: cacheRead, output }
}

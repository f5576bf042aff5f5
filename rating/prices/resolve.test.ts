import { describe, expect, test } from 'vitest'
import type { CostMeter } from '../../core/price.ts'
import { bookRow as row } from '../../test/support/prices.ts'
import { type BookRow, type PriceQuestion, resolvePrice } from './resolve.ts'

const KEY = { provider: 'p', model: 'm' }

describe('resolution', () => {
  test('contract before override before custom before catalogue', () => {
    const all = (['catalogue', 'custom', 'override', 'contract'] as const).map((book, i) =>
      row({ book, priceRowId: `${i}` }),
    )
    for (let count = 4; count > 0; count--) expect(idOf(all.slice(0, count))).toBe(`${count - 1}`)
  })

  test("the tenant's own row before everybody's, never another tenant's", () => {
    const everybodys = row({ priceRowId: '1', tenantId: '' })
    const own = row({ priceRowId: '2', tenantId: 'default' })
    const anothers = row({ priceRowId: '3', tenantId: 'else', book: 'contract' })
    expect(idOf([everybodys, own, anothers])).toBe('2')
    expect(idOf([everybodys, anothers])).toBe('1')
    expect(idOf([anothers])).toBeNull()
  })

  test('effective from its instant on, up to its end and not at it', () => {
    const only = [row({ effectiveFrom: 100, effectiveTo: 200 })]
    expect([99, 100, 199, 200].map((at) => idOf(only, { at }) !== null)).toEqual([false, true, true, false])
  })

  test('the latest to begin, then the latest recorded, then the latest written', () => {
    const rows = [
      row({ priceRowId: '9', effectiveFrom: 5, recordedAt: 9 }),
      row({ priceRowId: '10', effectiveFrom: 7, recordedAt: 1 }),
      row({ priceRowId: '11', effectiveFrom: 7, recordedAt: 2 }),
      row({ priceRowId: '12', effectiveFrom: 7, recordedAt: 2 }),
    ]
    expect(idOf(rows)).toBe('12')
    expect(idOf(rows, { knownAt: 1 })).toBe('10')
  })

  test('a context price counts above its threshold, on the whole input, and not at it', () => {
    const rows = [row({ priceRowId: '1' }), row({ priceRowId: '2', contextFrom: 200_000 })]
    expect(idOf(rows, { inputTokens: 200_000 })).toBe('1')
    expect(idOf(rows, { inputTokens: 200_001 })).toBe('2')
  })

  test('a service tier has its own row or none', () => {
    expect(idOf([row({})], { serviceTier: 'batch' })).toBeNull()
    expect(idOf([row({}), row({ priceRowId: '2', serviceTier: 'batch' })], { serviceTier: 'batch' })).toBe(
      '2',
    )
    expect(idOf([row({ serviceTier: 'batch' })])).toBeNull()
  })

  test('a price of the list for a tier reaches no length from which on only the ordinary tier has one', () => {
    const rows = [
      row({ priceRowId: '1' }),
      row({ priceRowId: '2', contextFrom: 272_000 }),
      row({ priceRowId: '3', serviceTier: 'priority' }),
    ]
    const priority = (more: readonly BookRow[], inputTokens: number) =>
      idOf([...rows, ...more], { serviceTier: 'priority', inputTokens })
    expect(priority([], 272_000)).toBe('3')
    expect(priority([], 272_001)).toBeNull()
    expect(priority([row({ priceRowId: '4', serviceTier: 'priority', contextFrom: 272_000 })], 272_001)).toBe(
      '4',
    )
    expect(priority([row({ priceRowId: '5', serviceTier: 'priority', book: 'override' })], 272_001)).toBe('5')
  })
})

describe('resolution by place and hour', () => {
  const everywhere = row({ priceRowId: '1' })
  const there = row({ priceRowId: '2', region: 'us' })

  test('a price of the region goes before one for everywhere, and counts nowhere else', () => {
    expect(idOf([everywhere, there], { region: 'us' })).toBe('2')
    expect(idOf([everywhere, there])).toBe('1')
    expect(idOf([everywhere], { region: 'us' })).toBe('1')
  })

  test('where the list has prices of the region, its others do not count there', () => {
    const batch = row({ priceRowId: '3', serviceTier: 'batch' })
    expect(idOf([everywhere, there, batch], { region: 'us', serviceTier: 'batch' })).toBeNull()
    const contract = row({ priceRowId: '4', serviceTier: 'batch', book: 'contract' })
    expect(idOf([there, batch, contract], { region: 'us', serviceTier: 'batch' })).toBe('4')
  })

  test('a price by the hour goes before one for all hours', () => {
    const schedule = { tz: 'UTC', weekdays: [4], from: '00:00', to: '01:00' }
    const rows = [everywhere, row({ priceRowId: '2', schedule })]
    const hour = 3_600_000_000
    expect(idOf(rows, { at: hour - 1 })).toBe('2')
    expect(idOf(rows, { at: hour })).toBe('1')
  })

  test('a context price with its bound counts at the bound', () => {
    const rows = [everywhere, row({ priceRowId: '2', contextFrom: 200_000, contextInclusive: true })]
    expect(idOf(rows, { inputTokens: 199_999 })).toBe('1')
    expect(idOf(rows, { inputTokens: 200_000 })).toBe('2')
  })

  test('what a name means by an alias goes before what it is by itself', () => {
    expect(idOf([row({ priceRowId: '9' }), row({ priceRowId: '2', aliased: true })])).toBe('2')
  })

  test('a row that was retracted is known until then', () => {
    const rows = [
      row({ priceRowId: '1', recordedAt: 0, retractedAt: 50 }),
      row({ priceRowId: '2', recordedAt: 50 }),
    ]
    expect(idOf(rows, { knownAt: 49 })).toBe('1')
    expect(idOf(rows, { knownAt: 50 })).toBe('2')
    expect(idOf(rows)).toBe('2')
  })

  test('a fee is the same in every tier and region', () => {
    const fee = [row({ meter: 'web_search', feeBasis: 'call' })]
    expect(idOf(fee, { meter: 'web_search', serviceTier: 'batch', region: 'us' })).toBe('1')
  })
})

describe('a meter without a row of its own', () => {
  const priced = (...meters: CostMeter[]) =>
    meters.map((meter) => row({ meter, priceRowId: `${METER_IDS[meter]}` }))
  const METER_IDS: Partial<Record<CostMeter, number>> = { input_uncached: 1, output: 2, cache_write: 3 }

  test.each([
    ['reasoning', '2'],
    ['embedding', '1'],
    ['cache_read', '1'],
    ['cache_write', '1'],
    ['cache_write_1h', '1'],
    ['request', null],
    ['web_search', null],
    ['citation', '2'],
    ['output_image', '2'],
    ['input_image', '1'],
    ['input_video', '1'],
    ['cache_read_image', '1'],
    ['input_audio', null],
    ['cache_read_audio', null],
    ['output_audio', null],
    ['tool_call', null],
  ] as const)('%s takes row %s', (meter, id) => {
    expect(idOf(priced('input_uncached', 'output'), { meter })).toBe(id)
  })

  test('one-hour writes are unpriced where only five-minute writes have a price', () => {
    const rows = priced('input_uncached', 'output', 'cache_write')
    expect(idOf(rows, { meter: 'cache_write_1h' })).toBeNull()
    expect(idOf(rows, { meter: 'cache_write' })).toBe('3')
  })

  test('input has no substitute', () => {
    expect(idOf(priced('output'), { meter: 'input_uncached' })).toBeNull()
    expect(idOf(priced('input_uncached'), { meter: 'output' })).toBeNull()
  })
})

function idOf(rows: readonly BookRow[], of: Partial<PriceQuestion> = {}): string | null {
  const question: PriceQuestion = {
    tenantId: 'default',
    keys: [KEY],
    meter: 'input_uncached',
    serviceTier: 'standard',
    region: '',
    inputTokens: 10,
    at: 1000,
    knownAt: Number.POSITIVE_INFINITY,
    ...of,
  }
  return resolvePrice(question, () => rows)?.priceRowId ?? null
}

import type { ModelInfo, Provider } from '@pydantic/genai-prices'
import { describe, expect, test } from 'vitest'
import { cleanDecimal, toListPrices } from './convert.ts'
import { BEGINNING } from './list-price.ts'
import { bundledCatalogue } from './seed.ts'

describe('rows of the catalogue', () => {
  test('a price without a date has always been so, a dated one begins and ends the one before', () => {
    const rows = rowsOf([
      { prices: { input_mtok: 10 } },
      { constraint: { type: 'start_date', start_date: '2025-06-10' }, prices: { input_mtok: 2 } },
    ])
    expect(rows.map((row) => [row.unitPrice, row.effectiveFrom, row.effectiveTo])).toEqual([
      ['10', BEGINNING, '2025-06-10T00:00:00.000Z'],
      ['2', '2025-06-10T00:00:00.000Z', null],
    ])
  })

  test('a tier is a row above its threshold', () => {
    const rows = rowsOf({ output_mtok: { base: 15, tiers: [{ start: 200_000, price: 22.5 }] } })
    expect(rows.map((row) => [row.meter, row.contextFrom, row.unitPrice, row.per])).toEqual([
      ['output', '0', '15', '1000000'],
      ['output', '200000', '22.5', '1000000'],
    ])
  })

  test('an entry without prices has no row', () => {
    expect(rowsOf({})).toEqual([])
  })

  test('a price by the hour of the day has no row from its last date on', () => {
    const hour = { type: 'time_of_date', start_time: '01:00:00Z', end_time: '04:00:00Z' } as const
    const rows = rowsOf([
      { prices: { input_mtok: 1 } },
      { constraint: { type: 'start_date', start_date: '2026-08-17' }, prices: { input_mtok: 2 } },
      { constraint: hour, prices: { input_mtok: 4 } },
    ])
    expect(rows.map((row) => [row.unitPrice, row.effectiveTo])).toEqual([['1', '2026-08-17T00:00:00.000Z']])
  })

  test.each([
    [0.08333333333333334, '0.0833333333333'],
    [0.18000000000000002, '0.18'],
    [0.003625, '0.003625'],
    [7.5e-7, '0.00000075'],
    [18.75, '18.75'],
  ])('%s is read as %s', (price, text) => {
    expect(cleanDecimal(price)).toBe(text)
  })

  test('every bundled price fits the column and no key is there twice', async () => {
    const rows = toListPrices(await bundledCatalogue())
    expect(rows.length).toBeGreaterThan(4000)
    expect(rows.filter((row) => !/^\d{1,15}(\.\d{1,15})?$/.test(row.unitPrice))).toEqual([])
    const keys = rows.map((row) =>
      [row.provider, row.model, row.meter, row.contextFrom, row.effectiveFrom].join('|'),
    )
    expect(new Set(keys).size).toBe(keys.length)
  })
})

function rowsOf(prices: ModelInfo['prices']) {
  const model: ModelInfo = { id: 'm', match: { equals: 'm' }, prices }
  const provider: Provider = { id: 'p', name: 'P', api_pattern: 'x', models: [model] }
  return toListPrices([provider])
}

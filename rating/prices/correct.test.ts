import { beforeAll, describe, expect, test } from 'vitest'
import { COST_METERS } from '../../core/price.ts'
import { CATALOGUE_SOURCE, toListPrices } from './convert.ts'
import { correct, knownAliases } from './correct.ts'
import { CORRECTIONS } from './corrections/corrections.ts'
import { type ListPrice, seriesOf } from './list-price.ts'
import { bundledCatalogue } from './seed.ts'

describe('the corrected list', () => {
  let list: readonly ListPrice[]
  beforeAll(async () => {
    list = correct(toListPrices(await bundledCatalogue()))
  })

  test('has one price of a series at an instant', () => {
    const overlapping: string[] = []
    for (const [series, prices] of Map.groupBy(list, seriesOf)) {
      const sorted = prices.toSorted((a, b) => (a.effectiveFrom < b.effectiveFrom ? -1 : 1))
      sorted.forEach((price, i) => {
        const next = sorted[i + 1]
        if (next && (price.effectiveTo === null || price.effectiveTo > next.effectiveFrom))
          overlapping.push(series)
      })
    }
    expect(overlapping).toEqual([])
  })

  test('names a source for every row, and what each row of ours is about is there', () => {
    expect(list.filter((price) => price.source === '')).toEqual([])
    const own = list.filter((price) => price.source !== CATALOGUE_SOURCE && !price.derived)
    for (const { provider, prices = [] } of CORRECTIONS) {
      for (const { source } of prices) {
        expect(
          own.some((price) => price.provider === provider && price.source === source),
          `${provider} ${source}`,
        ).toBe(true)
      }
    }
    for (const { provider, derivations = [] } of CORRECTIONS) {
      for (const { source, to } of derivations) {
        const found = list.some(
          (price) => price.derived && price.provider === (to.provider ?? provider) && price.source === source,
        )
        expect(found, `${provider} ${source}`).toBe(true)
      }
    }
  })

  test('has prices that fit the column, of meters there are, in half-open times', () => {
    const meters = new Set<string>(COST_METERS)
    for (const price of list) {
      expect(price.unitPrice).toMatch(/^\d{1,15}(\.\d{1,15})?$/)
      expect(meters.has(price.meter)).toBe(true)
      expect(price.effectiveTo === null || price.effectiveFrom < price.effectiveTo).toBe(true)
      expect(new Date(price.effectiveFrom).toISOString()).toBe(price.effectiveFrom)
    }
  })

  test('means by every alias a model it has prices of, while the alias counts', () => {
    for (const { toProvider, toModel, effectiveFrom } of knownAliases()) {
      const found = list.some(
        (price) =>
          price.provider === toProvider &&
          price.model === toModel &&
          price.meter === 'input_uncached' &&
          (price.effectiveTo === null || price.effectiveTo > effectiveFrom),
      )
      expect(found, toModel).toBe(true)
    }
  })

  test('works tiers, regions and long context out of one another', () => {
    const price = (of: Partial<ListPrice>) =>
      list.find(
        (each) =>
          each.meter === 'cache_write_1h' &&
          Object.entries(of).every(([field, value]) => each[field as keyof ListPrice] === value),
      )?.unitPrice
    const opus = { provider: 'anthropic', model: 'claude-opus-4-6' }
    expect(price({ ...opus, serviceTier: 'batch', region: 'us', contextFrom: '200000' })).toBe('11')
    expect(price({ ...opus, serviceTier: 'batch', region: 'us', contextFrom: '0' })).toBe('5.5')
  })
})

import type { Provider } from '@pydantic/genai-prices'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bundledCatalogue, seedPriceBook } from '../../rating/prices/seed.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { NOON } from './events.ts'

const LATER = new Date('2026-12-01T00:00:00Z')

describe('seeding the price book', () => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await testDatabase()
  })
  afterEach(() => database.drop())
  const rowCount = async () =>
    (await database.pool.query('select count(*)::int as count from aforo_store.price_rows')).rows[0].count

  test('several at once bring the catalogue in once; again does nothing', async () => {
    const seeds = await Promise.all([1, 2, 3].map(() => seedPriceBook(database.pool, NOON)))
    const added = seeds.reduce((sum, seed) => sum + seed.added, 0)
    expect(added).toBeGreaterThan(4000)
    expect(await rowCount()).toBe(added)
    expect(await seedPriceBook(database.pool, LATER)).toEqual({ added: 0 })
    expect(await rowCount()).toBe(added)
  })

  test('a newer catalogue adds what differs, from now on', async () => {
    const providers = await bundledCatalogue()
    await seedPriceBook(database.pool, NOON, providers)
    const before = await rowCount()
    // The list price, batch and priority, and Azure's Data Zone with its batch; of each the old row up to now.
    expect(await seedPriceBook(database.pool, LATER, dearer(providers))).toEqual({ added: 5 })
    expect(await rowCount()).toBe(before + 10)
    const { rows } = await database.pool.query(
      `select trim_scale(unit_price)::text as price, effective_from = $1 as from_now, recorded_at = $1 as recorded_now
       from aforo_store.price_rows
       where provider = 'openai' and model = 'gpt-4o' and meter = 'input_uncached' and service_tier = 'standard'
         and region = '' and retracted_at is null
       order by effective_from`,
      [LATER],
    )
    expect(rows).toEqual([
      { price: '2.5', from_now: false, recorded_now: true },
      { price: '7', from_now: true, recorded_now: true },
    ])
    const muchLater = new Date('2026-12-02T00:00:00Z')
    expect(await seedPriceBook(database.pool, muchLater, providers), 'and back again').toEqual({ added: 5 })
  })
})

function dearer(providers: readonly Provider[]): readonly Provider[] {
  return providers.map((provider) => ({
    ...provider,
    models: provider.models.map((model) =>
      provider.id === 'openai' && model.id === 'gpt-4o' && !Array.isArray(model.prices)
        ? { ...model, prices: { ...model.prices, input_mtok: 7 } }
        : model,
    ),
  }))
}

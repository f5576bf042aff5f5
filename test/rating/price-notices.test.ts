import type { Provider } from '@pydantic/genai-prices'
import { expect, test } from 'vitest'
import { tellNotices } from '../../cmd/prices/tell-notices.ts'
import { NO_TOKENS } from '../../core/usage.ts'
import { readNotices } from '../../rating/prices/notices/read-notices.ts'
import { bundledCatalogue, seedPriceBook } from '../../rating/prices/seed.ts'
import { createRater } from '../../rating/rater.ts'
import { transaction } from '../../schema/pool.ts'
import { testDatabase } from '../support/database.ts'
import { assemblyOf, modelCall, storeEvent } from './events.ts'

const DAY_MS = 86_400_000
const SEEDED = new Date('2026-03-01T00:00:00Z')
const later = (days: number) => new Date(SEEDED.getTime() + days * DAY_MS)

test('webhooks are told of a price notice once, however often it is looked and worded', async () => {
  const { pool, drop } = await testDatabase()
  try {
    await seedPriceBook(pool, SEEDED)
    await pool.query(
      `insert into aforo_store.webhook_endpoints (tenant_id, webhook_id, url, events, recorded_at)
       values ('acme', 'all', 'https://a.example/', null, $1), ('acme', 'credits', 'https://b.example/', $2, $1),
         ('globex', 'prices', 'https://c.example/', $3, $1)`,
      [SEEDED, ['credits.balance_low'], ['prices.noticed']],
    )
    const stale = async () =>
      (
        await pool.query(
          `select message.tenant_id as tenant, webhook_id as webhook, message.data ->> 'kind' as kind
           from aforo_store.webhook_messages message join aforo_store.webhook_deliveries using (tenant_id, message_id)
           where type = 'prices.noticed' and message.data ->> 'kind' = 'stale_snapshot' order by 1, 2`,
        )
      ).rows
    await tellNotices(pool, later(6))
    expect(await stale()).toEqual([])
    expect(await tellNotices(pool, later(8))).toBeGreaterThan(0)
    const told = [
      { tenant: 'acme', webhook: 'all', kind: 'stale_snapshot' },
      { tenant: 'globex', webhook: 'prices', kind: 'stale_snapshot' },
    ]
    expect(await stale()).toEqual(told)
    // Another number of days by now, and the same notice.
    await tellNotices(pool, later(9))
    expect(await stale()).toEqual(told)
  } finally {
    await drop()
  }
})

test('prices of models in use that a release changes are told, and what begins to be another model', async () => {
  const { pool, drop } = await testDatabase()
  try {
    const providers = await bundledCatalogue()
    await seedPriceBook(pool, SEEDED, providers)
    const call = (model: string) =>
      modelCall(1, {
        provider: 'openai',
        model,
        requestModel: null,
        buckets: { ...NO_TOKENS, inputUncached: 1000 },
      })
    const assembly = assemblyOf({ calls: [call('gpt-4o'), call('gpt-4.1')] })
    await storeEvent(pool, { traceNo: 1, time: later(1), recordedAt: later(1), assembly })
    await createRater({ pool }).rate(later(1))
    await seedPriceBook(pool, later(10), dearer(providers))
    const told = async (day: number) =>
      (await transaction(pool, (client) => readNotices(client, 'default', later(day))))
        .filter(({ kind }) => kind !== 'stale_snapshot')
        .map(({ kind, provider, model, at, message }) => [kind, `${provider}/${model}`, at, message])
    const at = later(10).toISOString()
    // 2.5 of 4.5 dollars, three times as dear.
    expect(await told(11)).toEqual([
      ['cogs_impact', 'openai/gpt-4o', at, 'moves COGS by up to 111.1%: prices of openai/gpt-4o'],
      ['price_changed', 'openai/gpt-4o', at, 'taken in: change by release of openai/gpt-4o, 55.6% of COGS'],
      ['upcoming_price', 'anthropic/claude-opus-4-6', later(12).toISOString(), expect.any(String)],
      ['upcoming_price', 'anthropic/claude-sonnet-4-6', later(12).toISOString(), expect.any(String)],
      // A name that means another model from 2026-03-16 on.
      ['upcoming_price', 'mistral/mistral-small-latest', later(15).toISOString(), expect.any(String)],
    ])
    expect(await told(17)).toEqual([])
  } finally {
    await drop()
  }
})

function dearer(providers: readonly Provider[]): readonly Provider[] {
  return providers.map((provider) => ({
    ...provider,
    models: provider.models.map((model) =>
      model.id === 'gpt-4o' && provider.id === 'openai'
        ? { ...model, prices: { ...model.prices, input_mtok: 7.5 } }
        : model,
    ),
  }))
}

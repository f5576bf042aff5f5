import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningApi, startApi } from './start.ts'

let api: RunningApi

beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api.stop())

test('how mirrors are found is by id and place until the tenant decides otherwise', async () => {
  expect((await api.get('/v1/settings')).body).toEqual({ mirrors: 'by_id_and_place', seller: null })
  expect(await api.put('/v1/settings', { mirrors: 'by_id' })).toMatchObject({ status: 200 })
  expect((await api.get('/v1/settings')).body).toEqual({ mirrors: 'by_id', seller: null })
  const seller = { name: 'Aforo GmbH', address: 'Weg 1\nBerlin', payment_days: 14 }
  expect((await api.put('/v1/settings', { seller })).body).toEqual({ mirrors: 'by_id', seller })
  expect((await api.get('/v1/settings', { 'x-aforo-tenant': 'other' })).body).toEqual({
    mirrors: 'by_id_and_place',
    seller: null,
  })
  expect((await api.put('/v1/settings', { mirrors: 'never' })).status).toBe(400)
})

test('which cost of a provider is COGS is remembered by provider, the last word counting', async () => {
  expect((await api.get('/v1/providers/openrouter')).status).toBe(404)
  await api.put('/v1/providers/openrouter', { cogs: 'reported' })
  await api.put('/v1/providers/openrouter', { cogs: 'computed' })
  await api.put('/v1/providers/openrouter', { cogs: 'reported' })
  await api.put('/v1/providers/openrouter', { cogs: 'reported' })
  await api.put('/v1/providers/x_ai', { cogs: 'computed' })
  expect((await api.get('/v1/providers/openrouter')).body).toMatchObject({ cogs: 'reported' })
  expect((await api.get('/v1/providers')).body.data).toMatchObject([
    { provider: 'openrouter', cogs: 'reported' },
    { provider: 'x_ai', cogs: 'computed' },
  ])
  const { rows } = await api.database.pool.query(
    'select count(*)::int as count from aforo_store.provider_settings',
  )
  expect(rows[0].count).toBe(4)
  expect((await api.put('/v1/providers/openrouter', { cogs: 'guessed' })).status).toBe(400)
})

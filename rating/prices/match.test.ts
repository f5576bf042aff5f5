import { calcPrice } from '@pydantic/genai-prices'
import { beforeAll, describe, expect, test } from 'vitest'
import { createFindKeys, type FindKeys, KEYS_REMEMBERED_MAX, matchModel } from './match.ts'
import { bundledCatalogue } from './seed.ts'

describe('keys of a model', () => {
  let findKeys: FindKeys
  beforeAll(async () => {
    findKeys = createFindKeys(await bundledCatalogue())
  })
  const catalogueKey = (provider: string | null, model: string | null, requestModel: string | null = null) =>
    findKeys({ provider, model, requestModel }).at(-1)

  test.each([
    ['anthropic', 'claude-sonnet-4-5-20250929', 'anthropic', 'claude-sonnet-4-5'],
    ['gcp.gemini', 'models/gemini-2.5-flash', 'google', 'gemini-2.5-flash'],
    ['gcp.vertex_ai', 'publishers/google/models/gemini-2.5-pro', 'google', 'gemini-2.5-pro'],
    ['azure.ai.openai', 'gpt-5-mini', 'openai', 'gpt-5-mini'],
    ['azure.ai.inference', 'claude-sonnet-4-5', 'anthropic', 'claude-sonnet-4-5'],
    ['x_ai', 'grok-4-fast-reasoning', 'x-ai', 'grok-4-fast-reasoning'],
    ['x_ai', 'xai/grok-4-fast-reasoning', 'x-ai', 'grok-4-fast-reasoning'],
    ['azure', 'azure/gpt-5-mini', 'openai', 'gpt-5-mini'],
    ['groq', 'openai/gpt-oss-120b', 'groq', 'openai/gpt-oss-120b'],
    [
      'vertex_ai',
      'projects/p/locations/eu/publishers/google/models/gemini-2.5-pro',
      'google',
      'gemini-2.5-pro',
    ],
    ['openai', 'gpt-audio-1.5', 'openai', 'gpt-audio'],
    ['cohere', 'command-r-08-2024', 'cohere', 'command-r'],
    ['mistral_ai', 'mistral-large-2512', 'mistral', 'mistral-large-2512'],
    [null, 'claude-sonnet-4-5', 'anthropic', 'claude-sonnet-4-5'],
  ])('%s %s is in the list as %s %s', (provider, model, vendor, key) => {
    const keys = findKeys({ provider, model, requestModel: null })
    expect(keys).toContainEqual({ provider: vendor, model: key })
  })

  test('a model that no clause matches has only the names a person may have written, and the provider', () => {
    expect(findKeys({ provider: 'openai', model: 'gpt-7', requestModel: null })).toEqual([
      { provider: 'openai', model: 'gpt-7' },
      { provider: '', model: 'gpt-7' },
      { provider: 'openai', model: '*' },
    ])
  })

  test.each([
    ['anthropic', 'claude-sonnet-5-6'],
    ['anthropic', 'claude-sonnet-5.6-20270115'],
    ['aws.bedrock', 'global.anthropic.claude-sonnet-5-6-v1:0'],
    ['aws.bedrock', 'amazon.nova-premier-v2:0'],
    ['openai', 'anthropic/claude-sonnet-4-5'],
  ])('of %s, %s is no model of the list', (provider, model) => {
    const keys = findKeys({ provider, model, requestModel: null })
    expect(keys.filter((key) => key.model !== model && key.model !== '*')).toEqual([])
  })

  test('a provider nobody knows is not taken for one whose name it contains', () => {
    expect(catalogueKey('my-openai-proxy', 'gpt-4o')).toEqual({ provider: '', model: 'gpt-4o' })
  })

  test('what ran goes before what was asked for', () => {
    const keys = findKeys({ provider: 'openai', model: 'gpt-5-mini-2025-08-07', requestModel: 'gpt-5' })
    const places = ['gpt-5-mini', 'gpt-5'].map((model) => keys.findIndex((key) => key.model === model))
    expect(places.every((place) => place >= 0)).toBe(true)
    expect(places[0]).toBeLessThan(places[1]!)
  })

  test('a free variant is not the paid model', () => {
    const keys = findKeys({ provider: 'openrouter', model: 'allenai/molmo-7b-d:free', requestModel: null })
    const name = 'allenai/molmo-7b-d:free'
    expect(keys.map((key) => key.model)).toEqual([name, name, ':free', '*'])
  })

  test('answers the same after more names than are remembered', () => {
    const before = catalogueKey('openai', 'gpt-4o-2024-08-06')
    for (let no = 0; no <= KEYS_REMEMBERED_MAX; no++) {
      findKeys({ provider: 'nobody', model: `model-${no}`, requestModel: null })
    }
    expect(catalogueKey('openai', 'gpt-4o-2024-08-06')).toEqual(before)
  })
})

test('reads the clauses as the library itself does, for every model it knows', async () => {
  const providers = await bundledCatalogue()
  const byId = new Map(providers.map((provider) => [provider.id, provider]))
  const differing: string[] = []
  for (const vendor of providers) {
    for (const { id } of vendor.models) {
      for (const name of [id, id.toUpperCase(), `${id}-20250514`, `x-${id}`]) {
        const theirs = calcPrice({}, name, { provider: vendor })?.model.id ?? null
        if (theirs !== (matchModel(vendor, name, byId)?.model ?? null)) differing.push(`${vendor.id} ${name}`)
      }
    }
  }
  expect(differing).toEqual([])
})

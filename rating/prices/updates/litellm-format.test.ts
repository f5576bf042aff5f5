import { describe, expect, test } from 'vitest'
import { parseLitellm } from './litellm-format.ts'

const chat = (of: Record<string, unknown>) => ({
  mode: 'chat',
  litellm_provider: 'gemini',
  input_cost_per_token: 1e-7,
  output_cost_per_token: 4e-7,
  ...of,
})

const told = (key: string, of: Record<string, unknown>) => {
  const rest = { other: chat({ litellm_provider: 'openai' }) }
  return parseLitellm({ [key]: chat(of), ...rest }, 'map')
    .filter(({ name }) => name !== 'other')
    .map(({ provider, name, meter, serviceTier, contextFrom, perMillion }) =>
      [provider, name, meter, serviceTier, contextFrom, perMillion].join(' '),
    )
}

describe('a map of prices per token', () => {
  test('is told per million, by provider, meter, tier and length', () => {
    expect(
      told('gemini/gemini-9', {
        input_cost_per_token_above_200k_tokens: '2.5e-06',
        cache_read_input_token_cost_batches: 3.0000000000000004e-8,
        output_cost_per_token_priority: 0.0000018,
        input_cost_per_audio_token: 7e-7,
        search_context_cost_per_query: { search_context_size_low: 0.014 },
        input_cost_per_image: 0.1,
      }),
    ).toEqual([
      'google gemini-9 input_uncached standard 0 0.1',
      'google gemini-9 output standard 0 0.4',
      'google gemini-9 input_uncached standard 200000 2.5',
      'google gemini-9 cache_read batch 0 0.03',
      'google gemini-9 output priority 0 1.8',
      'google gemini-9 input_audio standard 0 0.7',
    ])
  })

  test.each([
    'bedrock/us-gov-west-1/anthropic.claude-3-haiku-20240307-v1:0',
    'bedrock/ap-northeast-1/anthropic.claude-3-haiku-20240307-v1:0',
    'azure/eu/gpt-5',
    'azure/global-standard/gpt-5',
  ])('says nothing of what has prices of its own in a region: %s', (key) => {
    expect(told(key, { litellm_provider: 'bedrock' })).toEqual([])
  })

  test('says nothing of a model that costs nothing there', () => {
    expect(told('gemini/free', { input_cost_per_token: 0, output_cost_per_token: 0 })).toEqual([])
  })

  test('has so many models at most', () => {
    const map = Object.fromEntries(Array.from({ length: 50_001 }, (_, no) => [`m-${no}`, {}]))
    const refused = expect.objectContaining({
      faults: [{ path: '/', message: 'has more than 50000 models' }],
    })
    expect(() => parseLitellm(map, 'map')).toThrow(refused)
    expect(
      parseLitellm({ ...Object.fromEntries(Object.entries(map).slice(2)), m: chat({}) }, 'map'),
    ).toHaveLength(2)
  })
})

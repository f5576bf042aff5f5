import { describe, expect, it } from 'vitest'
import { assembled } from '../../test/support/assemblies.ts'
import type { SpanWords } from '../../test/support/spans.ts'

/** Streams of the AI SDK do not tell its version; requests do. */
const stream: SpanWords = {
  id: 1,
  scope: 'ai',
  from: 5000,
  to: 6000,
  attributes: {
    'ai.operationId': 'ai.streamText.doStream',
    'ai.model.id': 'claude-sonnet-4-5',
    'ai.model.provider': 'anthropic.messages',
    'ai.usage.inputTokens': 2000,
    'ai.usage.outputTokens': 10,
    'ai.usage.cachedInputTokens': 1500,
  },
}

const request = (id: number, version: string, words: Partial<SpanWords> = {}): SpanWords => ({
  id,
  scope: 'ai',
  from: id * 1000,
  to: id * 1000 + 500,
  attributes: {
    'ai.operationId': 'ai.generateText.doGenerate',
    'ai.model.id': 'gpt-4o',
    'ai.model.provider': 'openai.chat',
    'ai.usage.inputTokens': 1,
    'ai.usage.outputTokens': 1,
    'ai.request.headers.user-agent': `ai/${version}`,
  },
  ...words,
})

function uncached(...words: readonly SpanWords[]): number | undefined {
  return assembled(...words).calls.find((call) => call.model === 'claude-sonnet-4-5')?.buckets.inputUncached
}

describe('a span without a version', () => {
  it.each([
    ['5.0.93', 2000],
    ['6.0.40', 500],
  ])('is read as its neighbour %s', (version, tokens) => {
    expect(uncached(stream, request(2, version))).toBe(tokens)
  })

  it.each<[string, readonly SpanWords[]]>([
    ['alone', []],
    ['beside two versions', [request(2, '5.0.93'), request(3, '6.0.40')]],
    ['beside another service', [request(2, '5.0.93', { resource: { 'service.name': 'other' } })]],
    ['beside another scope', [request(2, '5.0.93', { scope: 'ai.fork' })]],
  ])('is read by the convention %s', (_, words) => {
    expect(uncached(stream, ...words)).toBe(500)
  })
})

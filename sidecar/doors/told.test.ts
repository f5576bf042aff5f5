import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Decision } from '../../core/decision.ts'
import { askedOf, headerOf, PARAMETERS, segmentOf } from './asked.ts'
import { bytesOf, limitHeaders, textOf, toldHeaders } from './told.ts'

const DECISION: Decision = {
  decision: 'allow',
  reason: 'within_budget',
  budget: 'calls',
  remaining: '7',
  unit: 'model_calls',
  source: 'live',
  age_ms: 1,
}

test('any name comes back from a header as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 256 }), (name) => {
      expect(textOf(bytesOf(name))).toBe(name.toWellFormed())
      expect(bytesOf(name)).toMatch(/^[\0-\xff]*$/)
    }),
  )
})

test('whatever is stated becomes a check or is refused as such', () => {
  const stated = fc.dictionary(fc.constantFrom(...PARAMETERS), fc.oneof(fc.string(), fc.nat().map(String)))
  fc.assert(
    fc.property(stated, (parameters) => {
      try {
        expect(askedOf((name) => parameters[name]).customer).toBe(parameters.customer)
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid_argument' })
      }
    }),
  )
})

test('an empty parameter is absent', () => {
  expect(askedOf((name) => (name === 'customer' ? 'acme' : ''))).toEqual({ customer: 'acme' })
})

test('a hold and its estimate can be asked for', () => {
  const stated: Record<string, string> = {
    customer: 'acme',
    reserve: 'true',
    ttl_ms: '5000',
    input_tokens: '10',
    tool_calls: '1',
  }
  expect(askedOf((name) => stated[name])).toEqual({
    customer: 'acme',
    reserve: true,
    ttl_ms: 5000,
    estimate: { input_tokens: '10', tool_calls: '1' },
  })
})

test('RateLimit tells of what is counted, rounded down, and of nothing else', () => {
  const quota = { limit: '100', window: 'hour' } as const
  expect(limitHeaders({ ...DECISION, remaining: '7.9' }, quota)).toEqual([
    ['ratelimit', '"calls";r=7'],
    ['ratelimit-policy', '"calls";q=100;w=3600'],
  ])
  expect(limitHeaders({ ...DECISION, unit: 'price', remaining: '0.9' }, quota)).toEqual([])
  expect(limitHeaders({ ...DECISION, budget: 'm\u00f6nat' }, quota)).toEqual([])
  expect(limitHeaders({ ...DECISION, budget: 'a"b\\c' }, null)).toEqual([['ratelimit', '"a\\"b\\\\c";r=7']])
  expect(limitHeaders({ ...DECISION, remaining: '1'.repeat(16) }, null)[0]![1]).toBe(
    `"calls";r=${'9'.repeat(15)}`,
  )
})

test('who is throttled is told when to come again, never at once', () => {
  const throttled: Decision = {
    ...DECISION,
    decision: 'throttle',
    reason: 'throttled',
    retry_after_ms: 1,
  }
  expect(limitHeaders(throttled, null)).toEqual([
    ['retry-after', '1'],
    ['ratelimit', '"calls";r=7;t=1'],
  ])
})

test('names the headers it tells of', () => {
  const { budget: _, ...without } = DECISION
  expect(toldHeaders(without, { customer: 'zo\u00eb' })).toContainEqual(['x-aforo-customer', 'zo\u00eb'])
  expect(headerOf('max_output_tokens')).toBe('x-aforo-max-output-tokens')
})

test('a segment of a path is found and decoded, or there is none', () => {
  expect(segmentOf('/chat%20bot/v1?x=/y', 1)).toBe('chat bot')
  expect(segmentOf('/chat/v1', 2)).toBe('v1')
  expect(segmentOf('/chat', 2)).toBeUndefined()
  expect(segmentOf('/%E0%A4%A', 1)).toBeUndefined()
  expect(segmentOf('', 1)).toBeUndefined()
})

import { describe, expect, test } from 'vitest'
import { NO_TOKENS } from '../../core/usage.ts'
import { assemblyOf, modelCall, toolCall } from '../../test/rating/events.ts'
import { chargesOf } from './charge.ts'
import { matchesGlob, mayMatchOn } from './glob.ts'
import { parsePlan } from './plan.ts'
import { chargeables } from './quantities.ts'

const BUCKETS = {
  inputUncached: 1,
  cacheRead: 20,
  cacheWrite: 300,
  cacheWrite1h: 4000,
  outputText: 5,
  outputReasoning: 60,
}
const EVENT = assemblyOf({
  calls: [
    modelCall(1, { buckets: BUCKETS, reasoningSteps: 2 }),
    modelCall(2, { provider: 'openai', model: 'gpt-5', buckets: BUCKETS }),
    modelCall(3, { kind: 'embedding', model: 'embed', buckets: { ...NO_TOKENS, inputUncached: 9 } }),
  ],
  tools: [toolCall(4, 'db.query'), toolCall(5, 'db.query'), toolCall(6, 'mail.send')],
  reasoningSteps: 3,
})

describe('meters count', () => {
  test.each([
    ['input_tokens', '8642'],
    ['uncached_input_tokens', '2'],
    ['cache_read_tokens', '40'],
    ['cache_write_tokens', '8600'],
    ['output_tokens', '130'],
    ['reasoning_tokens', '120'],
    ['reasoning_steps', '3'],
    ['tool_calls', '3'],
    ['model_calls', '3'],
    ['embedding_tokens', '9'],
    ['session_seconds', '2'],
    ['traces', '1'],
  ])('%s: %s', (meter, quantity) => {
    expect(totals([{ meter }])).toEqual({ 0: quantity })
  })

  test('nothing twice: the first meter that matches has it', () => {
    expect(totals([{ meter: 'cache_read_tokens' }, { meter: 'input_tokens' }])).toEqual({
      0: '40',
      1: '8602',
    })
    expect(totals([{ meter: 'input_tokens' }, { meter: 'cache_read_tokens' }])).toEqual({ 0: '8642' })
    expect(totals([{ meter: 'reasoning_tokens' }, { meter: 'output_tokens' }])).toEqual({ 0: '120', 1: '10' })
  })

  test.each([
    [{ model: 'claude-*' }, '65'],
    [{ model: 'gpt-?' }, '65'],
    [{ provider: 'openai' }, '65'],
    [{ agent: 'tri*' }, '130'],
    [{ agent: 'other' }, undefined],
    [{ product: '*' }, undefined],
    [{ model: 'claude-*', provider: 'openai' }, undefined],
  ])('what passes the filter %j', (filter, quantity) => {
    expect(totals([{ meter: 'output_tokens', filter }])[0]).toBe(quantity)
  })

  test('tools by name, the rest by the meter behind', () => {
    expect(totals([{ meter: 'tool_calls', filter: { tool: 'db.*' } }, { meter: 'tool_calls' }])).toEqual({
      0: '2',
      1: '1',
    })
  })
})

test.each([
  ['claude-*', 'claude-opus', true],
  ['claude-*', 'us.anthropic.claude-opus', false],
  ['a.c', 'abc', false],
  ['a?c', 'abc', true],
  ['(a+)+', 'aaa', false],
  ['*', '', true],
  ['a*b*c', 'aXbYbZc', true],
  ['a*b*c', 'aXbYbZ', false],
  ['*a'.repeat(100), 'a'.repeat(16_000), true],
  [`${'*a'.repeat(99)}*b`, 'a'.repeat(16_000), false],
])('the glob %s matches %s: %s', (glob, text, matches) => {
  expect(matchesGlob(glob, text)).toBe(matches)
})

test.each([
  ['gpt-5-2025', 'gpt-5', true],
  ['gpt-5', 'gpt-5-2025', false],
  ['claude-*', 'claude', true],
  ['*', '', true],
  ['gpt-?', 'gpt-5', true],
  ['gpt-?', 'gpt-55', false],
  ['*-mini', 'gpt-5', true],
  ['o3*', 'gpt-5', false],
])('the glob %s may match what begins with %s: %s', (glob, text, may) => {
  expect(mayMatchOn(glob, text)).toBe(may)
})

function totals(meters: readonly { meter: string; filter?: object }[]): Record<number, string> {
  const plan = parsePlan({
    currency: 'USD',
    meters: meters.map((meter) => ({ ...meter, model: 'per_unit', unit_price: '1' })),
  })
  const charges = chargesOf(plan, chargeables(EVENT, []), { agent: 'triage', product: null })
  const sums = Map.groupBy(charges, (charge) => charge.meterNo)
  return Object.fromEntries(
    [...sums].map(([no, list]) => [
      no,
      list.reduce((sum, each) => sum.plus(each.quantity), list[0]!.quantity.mul(0)).toFixed(),
    ]),
  )
}

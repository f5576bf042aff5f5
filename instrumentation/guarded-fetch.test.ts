import { expect, test } from 'vitest'
import { estimateOfBody } from './guarded-fetch.ts'

test.each([
  ['OpenAI chat', { model: 'gpt-5', max_completion_tokens: 300 }, '300'],
  ['OpenAI responses', { model: 'gpt-5', max_output_tokens: 300 }, '300'],
  ['Anthropic', { model: 'claude-sonnet-5', max_tokens: 300 }, '300'],
  ['Google', { generationConfig: { maxOutputTokens: 300 } }, '300'],
  ['no limit', { model: 'gpt-5' }, undefined],
  ['a limit that is none', { model: 'gpt-5', max_tokens: 'many' }, undefined],
])('the limits of a request are read as %s spells them', (_who, body, most) => {
  const found = estimateOfBody(body, 101)!
  expect(found.estimate).toEqual({ input_tokens: '51', ...(most && { max_output_tokens: most }) })
  expect(found.model).toBe('model' in body ? body.model : undefined)
})

test('a body that is no object says nothing', () => {
  expect(estimateOfBody('text', 4)).toBeUndefined()
  expect(estimateOfBody(null, 4)).toBeUndefined()
})

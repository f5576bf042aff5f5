import { expect, it } from 'vitest'
import { parseCase } from './case.ts'

const GOOD = {
  why: 'A call is one call.',
  pattern: 'P0',
  dialect: 'otel-genai',
  scope: 'trace',
  otlp: [{ resourceSpans: [] }],
  expect: { calls: [], tools: 0, reasoning_steps: 0, anomalies: [] },
}

it('reads a case', () => {
  expect(parseCase(JSON.stringify(GOOD))).toEqual(GOOD)
})

it.each([
  ['[', 'not JSON'],
  ['null', 'why is not a sentence'],
  [JSON.stringify({ ...GOOD, pattern: 'P99' }), 'no pattern P99'],
  [JSON.stringify({ ...GOOD, dialect: 1 }), 'dialect is not a text'],
  [JSON.stringify({ ...GOOD, scope: 'span' }), 'no scope span'],
  [JSON.stringify({ ...GOOD, otlp: [] }), 'otlp is not a list of requests'],
  [JSON.stringify({ ...GOOD, expect: { calls: [] } }), 'expect lacks a list'],
  [JSON.stringify({ ...GOOD, expect: { ...GOOD.expect, tools: '1' } }), 'expect lacks a number'],
])('refuses %s', (text, fault) => {
  expect(() => parseCase(text)).toThrow(fault)
})

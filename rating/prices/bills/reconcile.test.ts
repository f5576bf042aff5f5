import { expect, test } from 'vitest'
import { Decimal } from '../../../core/money.ts'
import { compare, reconcile } from './reconcile.ts'

const cost = (provider: string | null, model: string | null, cogs: string, unpricedCalls = 0) => ({
  provider,
  model,
  cogs,
  unpricedCalls,
})
const COSTS = [
  cost('gcp.vertex_ai', 'gemini-2.5-pro', '1', 2),
  cost('gcp.gemini', 'gemini-2.5-flash', '2'),
  cost('gcp.gemini', null, '4'),
  cost('openai', 'gpt-5', '8', 1),
  cost(null, 'gpt-5', '16'),
]

test.each([
  ['google', null, '7', 2],
  ['gcp.gemini', null, '6', 0],
  ['GCP.Gemini', 'gemini-2.5-*', '2', 0],
  ['google', 'gemini-2.5-pro', '1', 2],
  ['openai', null, '8', 1],
  ['azure', null, '0', 0],
])('%s %s is charged for %s', (provider, model, cogs, unpriced) => {
  expect(reconcile({ provider, model, usd: '1' }, COSTS)).toMatchObject({ cogs, unpriced_calls: unpriced })
})

test.each([
  ['1000', '1005', true, '0.50'],
  ['1000', '995', true, '-0.50'],
  ['1000', '1005.000000000000000001', false, '0.50'],
  ['1000', '994.99', false, '-0.50'],
  // An invoice is in cents.
  ['1', '1.01', true, '1.00'],
  ['1', '1.011', false, '1.10'],
  ['0', '0.01', true, null],
  ['0', '0.02', false, null],
])('%s charged, COGS of %s: agrees is %s', (billed, cogs, agrees, pct) => {
  expect(compare(new Decimal(billed), new Decimal(cogs))).toMatchObject({ agrees, difference_pct: pct })
})

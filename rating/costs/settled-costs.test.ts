import { expect, it } from 'vitest'
import { Decimal } from '../../core/money.ts'
import { costDifference } from '../difference.ts'
import type { CostLine, UsedPrice } from './cost.ts'
import { bookedPriceOf, settledCosts } from './settled-costs.ts'

const priceOf = (priceRowId: string): UsedPrice => ({
  priceRowId,
  unitPrice: new Decimal('0.5'),
  per: new Decimal(1),
  currency: 'USD',
  contextFrom: 0,
  feeBasis: 'token',
  minQuantity: null,
  roundingQuantity: null,
})

/** Tokens of spans at a row's price; without one, unpriced. */
function lineOf(row: string | null, quantity: number, ...spanIds: readonly string[]): CostLine {
  const price = row === null ? null : priceOf(row)
  const about = { part: 'prompt', provider: 'house', model: 'own', tool: null, meter: 'output' } as const
  const amount = price && new Decimal(quantity).mul(price.unitPrice)
  return { ...about, serviceTier: 'standard', quantity: new Decimal(quantity), price, amount, spanIds }
}

const told = (lines: readonly CostLine[]) =>
  lines.map(({ price, quantity, amount, spanIds }) => [
    price?.priceRowId ?? null,
    quantity.toFixed(),
    amount?.toFixed() ?? null,
    [...spanIds].sort().join(' '),
  ])

/** The lines that a history of desired lines writes, revision by revision. */
function written(...history: readonly (readonly CostLine[])[]): readonly CostLine[] {
  const booked: CostLine[] = []
  for (const desired of history) booked.push(...costDifference(desired, booked))
  return booked
}

it.each<[string, readonly (readonly CostLine[])[]]>([
  ['one revision', [[lineOf('1', 10, 'a', 'b')]]],
  ['a span that came', [[lineOf('1', 10, 'a')], [lineOf('1', 15, 'a', 'b')]]],
  ['a span that went', [[lineOf('1', 15, 'a', 'b')], [lineOf('1', 10, 'a')]]],
  ['the same spans that count otherwise', [[lineOf('1', 15, 'a', 'b')], [lineOf('1', 12, 'a', 'b')]]],
  [
    'a span in another row’s line',
    [[lineOf('1', 15, 'a', 'b')], [lineOf('1', 10, 'a'), lineOf('2', 5, 'b')]],
  ],
  ['all spans in another row’s line', [[lineOf('1', 15, 'a', 'b')], [lineOf('2', 15, 'a', 'b')]]],
  ['a price that arrived', [[lineOf(null, 15, 'a', 'b')], [lineOf('1', 15, 'a', 'b')]]],
  ['there and back', [[lineOf('1', 15, 'a', 'b')], [lineOf('2', 15, 'a', 'b')], [lineOf('1', 15, 'a', 'b')]]],
])('settles %s to the newest lines', (_, history) => {
  expect(told(settledCosts(written(...history)))).toEqual(told(history.at(-1)!))
})

it('answers with the booked price of a model, where there is one', () => {
  const asked = { requestModel: null, region: null, inputTokens: 0, at: 0n, serviceTier: 'standard' } as const
  const question = { ...asked, provider: 'house', model: 'own', meter: 'output' } as const
  expect(bookedPriceOf([lineOf('1', 10, 'a')])(question)?.priceRowId).toBe('1')
  expect(bookedPriceOf([lineOf('1', 10, 'a'), lineOf('2', 10, 'b')])(question)).toBeNull()
  expect(bookedPriceOf([lineOf('1', 10, 'a')])({ ...question, meter: 'input_uncached' })).toBeNull()
  const tool = { ...lineOf('3', 1, 't'), provider: null, model: null, tool: 'db.query', meter: 'tool_call' }
  const aboutTool = { ...question, provider: 'tool', model: 'db.query', meter: 'tool_call' } as const
  expect(bookedPriceOf([tool])(aboutTool)?.priceRowId).toBe('3')
})

import { describe, expect, test } from 'vitest'
import type { FieldFault } from '../../core/errors.ts'
import { AforoError } from '../../core/errors.ts'
import { Decimal } from '../../core/money.ts'
import type { QuoteRequest } from '../../core/quote.ts'
import { parsePlan } from './plan.ts'
import { quote } from './quote.ts'

const PRO = {
  currency: 'USD',
  credit_rate: '0.01',
  meters: [
    { meter: 'cache_read_tokens', model: 'per_unit', unit_price: '1', per: '1000' },
    { meter: 'input_tokens', filter: { model: 'claude-*' }, model: 'per_unit', unit_price: '3', per: '1000' },
    { meter: 'input_tokens', model: 'per_unit', unit_price: '2', per: '1000' },
    { meter: 'output_tokens', model: 'per_unit', unit_price: '15', per: '1000' },
    {
      meter: 'tool_calls',
      filter: { tool: 'db.*' },
      model: 'package',
      package_size: '10',
      package_price: '1',
    },
  ],
  minimum: '20',
}

describe('a quote', () => {
  test('takes usage apart as an event does, and every filter for passed that nothing is said of', () => {
    const told = ask({ input_tokens: '5000', cache_read_tokens: '1000', tool_calls: '11' })
    expect(told.lines).toEqual([
      { meterNo: 0, meter: 'cache_read_tokens', quantity: '1000', from: '0', amount: '1' },
      { meterNo: 1, meter: 'input_tokens', quantity: '4000', from: '0', amount: '12' },
      { meterNo: 4, meter: 'tool_calls', quantity: '11', from: '0', amount: '2' },
    ])
    expect(told).toMatchObject({ price: '20', adjustments: ['minimum 5'], credits: '1500', uncharged: [] })
  })

  test('keeps to the filters on what is stated', () => {
    const told = ask({ input_tokens: '1000', tool_calls: '5' }, { of: { model: 'gpt-5', tool: 'mail' } })
    expect(told.lines.map(({ meterNo }) => meterNo)).toEqual([2])
    expect(told.uncharged).toEqual(['tool_calls 5'])
  })

  test('names what no meter counts', () => {
    expect(ask({ traces: '3', cogs: '1' }).uncharged).toEqual(['traces 3', 'cogs 1'])
  })

  test('goes on from where the period stands, and tells by how much it gets dearer', () => {
    const before = [
      { meterNo: 4, quantity: new Decimal(9) },
      { meterNo: 3, quantity: new Decimal(1000) },
    ]
    const told = ask({ tool_calls: '2' }, { before })
    expect(told.lines).toEqual([{ meterNo: 4, meter: 'tool_calls', quantity: '2', from: '9', amount: '1' }])
    expect(told, 'the minimum takes it in').toMatchObject({ price: '0', adjustments: ['minimum -1'] })
    expect(ask({ output_tokens: '1000' }, { before })).toMatchObject({
      price: '11',
      adjustments: ['minimum -4'],
    })
  })

  test('tells what an invoice would say: each line rounded', () => {
    const meters = ['traces', 'tool_calls', 'model_calls'].map((meter) => ({
      meter,
      model: 'per_unit',
      unit_price: '10.333333',
    }))
    const plan = parsePlan({ currency: 'USD', meters })
    const usage = { traces: new Decimal(1), tool_calls: new Decimal(1), model_calls: new Decimal(1) }
    const { price, invoiced } = quote({ plan, usage, of: {}, before: null })
    expect([price.toFixed(), invoiced.toFixed()]).toEqual(['30.999999', '30.99'])
  })

  test.each([
    [{ input_tokens: '1', cache_read_tokens: '2' }, '/usage/input_tokens'],
    [{ output_tokens: '1', reasoning_tokens: '2' }, '/usage/output_tokens'],
    [{ input_tokens: '1', uncached_input_tokens: '1' }, '/usage/uncached_input_tokens'],
  ])('refuses %j', (usage, path) => {
    expect(faultsOf(usage).map((fault) => fault.path)).toEqual([path])
  })
})

function ask(usage: Record<string, string>, of: Partial<QuoteRequest> = {}) {
  const told = quote({ plan: parsePlan(PRO), usage: decimals(usage), of: {}, before: null, ...of })
  return {
    ...told,
    price: told.price.toFixed(),
    credits: told.credits?.toFixed(),
    lines: told.lines.map((line) => ({
      ...line,
      quantity: line.quantity.toFixed(),
      from: line.from.toFixed(),
      amount: line.amount.toFixed(),
    })),
    adjustments: told.adjustments.map(({ kind, amount }) => `${kind} ${amount.toFixed()}`),
    uncharged: told.uncharged.map(({ meter, quantity }) => `${meter} ${quantity.toFixed()}`),
  }
}

function decimals(usage: Record<string, string>): QuoteRequest['usage'] {
  return Object.fromEntries(Object.entries(usage).map(([meter, text]) => [meter, new Decimal(text)]))
}

function faultsOf(usage: Record<string, string>): readonly FieldFault[] {
  try {
    ask(usage)
  } catch (error) {
    if (error instanceof AforoError && error.code === 'invalid_argument') return error.faults
    throw error
  }
  return []
}

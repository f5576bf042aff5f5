import { describe, expect, test } from 'vitest'
import { AforoError } from '../core/errors.ts'
import { PLAN_METERS_MAX, parsePlan } from './plan.ts'

const METER = { meter: 'input_tokens', model: 'per_unit', unit_price: '0.003', per: '1000' }

describe('a plan', () => {
  test('is taken as it is written', () => {
    const plan = {
      currency: 'USD',
      credit_rate: '0.01',
      meters: [
        { ...METER, filter: { model: 'claude-*' } },
        METER,
        { meter: 'cogs', model: 'cost_plus', markup_pct: '0' },
      ],
    }
    expect(parsePlan(plan)).toEqual(plan)
  })

  test.each([
    ['a negative price', { ...METER, unit_price: '-1' }, '/meters/0/unit_price', 'must not be negative'],
    ['a price that is a number', { ...METER, unit_price: 1 }, '/meters/0/unit_price', 'as text'],
    ['a price with an exponent', { ...METER, unit_price: '1e3' }, '/meters/0/unit_price', 'decimal number'],
    ['a price beyond sense', { ...METER, unit_price: '1000000001' }, '/meters/0/unit_price', 'at most'],
    ['a price too fine', { ...METER, unit_price: '0.0000000000000001' }, '/meters/0/unit_price', '15 digits'],
    ['no price', { meter: 'traces', model: 'per_unit' }, '/meters/0/unit_price', 'as text'],
    ['a price per nothing', { ...METER, per: '0' }, '/meters/0/per', 'greater than 0'],
    ['an unknown meter', { ...METER, meter: 'words' }, '/meters/0/meter', 'must be one of'],
    ['cost by the unit', { ...METER, meter: 'cogs' }, '/meters/0/meter', 'must be one of'],
    [
      'a mark-up on tokens',
      { model: 'cost_plus', meter: 'traces', markup_pct: '1' },
      '/meters/0/meter',
      'cogs',
    ],
    ['a model not built yet', { ...METER, model: 'graduated' }, '/meters/0/model', 'must be one of'],
    ['an unknown field', { ...METER, tiers: [] }, '/meters/0/tiers', 'not a known field'],
    ['an unknown filter', { ...METER, filter: { region: 'eu' } }, '/meters/0/filter/region', 'not a known'],
    ['an empty glob', { ...METER, filter: { model: '' } }, '/meters/0/filter/model', 'not be empty'],
  ])('with %s is refused', (_, meter, path, message) => {
    expect(faultsOf({ currency: 'USD', meters: [meter] })).toEqual([
      { path, message: expect.stringContaining(message) },
    ])
  })

  test('names all faults at once', () => {
    const faults = faultsOf({ currency: 'usd', credit_rate: '0', meters: [{ ...METER, unit_price: 'x' }] })
    expect(faults.map((fault) => fault.path)).toEqual(['/currency', '/credit_rate', '/meters/0/unit_price'])
  })

  test('with a meter that an earlier one has already is refused', () => {
    const filter = { model: 'a', tool: 'b' }
    const meters = [
      { ...METER, filter },
      { ...METER, unit_price: '9', filter: { tool: 'b', model: 'a' } },
    ]
    expect(faultsOf({ currency: 'USD', meters })[0]?.path).toBe('/meters/1')
  })

  test('may have so many meters and not one more', () => {
    const meters = Array.from({ length: PLAN_METERS_MAX }, (_, no) => ({
      ...METER,
      filter: { model: `m${no}` },
    }))
    expect(parsePlan({ currency: 'USD', meters }).meters).toHaveLength(PLAN_METERS_MAX)
    expect(faultsOf({ currency: 'USD', meters: [...meters, METER] })[0]?.path).toBe('/meters')
  })

  test.each([[null], ['plan'], [[]], [{}], [{ currency: 'USD' }]])('%j is none', (body) => {
    expect(faultsOf(body).length).toBeGreaterThan(0)
  })
})

function faultsOf(body: unknown) {
  try {
    parsePlan(body)
  } catch (error) {
    if (error instanceof AforoError && error.code === 'invalid_argument') return error.faults
    throw error
  }
  return []
}

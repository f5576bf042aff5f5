import { describe, expect, test } from 'vitest'
import { AforoError } from '../../core/errors.ts'
import { PLAN_METERS_MAX, parsePlan } from './plan.ts'
import { TIERS_MAX } from './plan-meters.ts'

const TIERED = { meter: 'traces', model: 'graduated' }
const PACKAGE = { meter: 'traces', model: 'package', package_size: '10', package_price: '1' }
const END = { up_to: null, unit_price: '1' }
const tiers = (...ends: (string | null)[]) => ends.map((up_to) => ({ up_to, unit_price: '1' }))
const steps = (count: number) => [
  ...tiers(...Array.from({ length: count - 1 }, (_, no) => String(no + 1))),
  END,
]
const inc = (meter = 'input_tokens') => ({ meter, quantity: '5' })
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
        { ...PACKAGE, rounding: 'nearest', negative: 'zero' },
        {
          ...TIERED,
          meter: 'tool_calls',
          tiers: steps(TIERS_MAX),
          tier_boundary: 'exclusive',
          included: '3',
        },
        { ...TIERED, meter: 'model_calls', model: 'volume', tiers: [{ ...END, per: '3', flat: '0' }] },
        { meter: 'output_tokens', model: 'flat', flat: '9', zero_usage: 'flat' },
      ],
      included: [{ meter: 'traces', quantity: '100' }],
      discount_pct: '12.5',
      minimum: '10',
      maximum: '1000',
      commitment: { amount: '500', true_up: false, overage_factor: '1.5' },
      capacity: {
        tiers: [
          { limits: { tool_calls: '10', traces: '0' }, price: '5' },
          { limits: {}, price: '9' },
        ],
        zero_usage: 'flat',
      },
      proration: 'none',
      bill_as: 'credits',
      overage: { unit_price: '0.012' },
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
    ['an unknown model', { ...METER, model: 'stairstep' }, '/meters/0/model', 'must be one of'],
    ['an unknown field', { ...METER, tiers: [] }, '/meters/0/tiers', 'not a known field'],
    ['an unknown filter', { ...METER, filter: { region: 'eu' } }, '/meters/0/filter/region', 'not a known'],
    ['an empty glob', { ...METER, filter: { model: '' } }, '/meters/0/filter/model', 'not be empty'],
  ])('with %s is refused', (_, meter, path, message) => {
    expect(faultsOf({ currency: 'USD', meters: [meter] })).toEqual([
      { path, message: expect.stringContaining(message) },
    ])
  })

  test.each<[string, object, string, string]>([
    [
      'a price beyond sense for one',
      { ...METER, per: '0.000001', unit_price: '1001' },
      'unit_price',
      'for one',
    ],
    ['no tiers', { ...TIERED, tiers: [] }, 'tiers', 'must have a tier'],
    ['too many tiers', { ...TIERED, tiers: steps(TIERS_MAX + 1) }, 'tiers', 'at most 100 tiers'],
    ['tiers out of order', { ...TIERED, tiers: tiers('10', '5', null) }, 'tiers/1/up_to', 'more than 10'],
    ['a tier of nothing', { ...TIERED, tiers: tiers('10', '10', null) }, 'tiers/1/up_to', 'more than 10'],
    ['a tier up to 0', { ...TIERED, tiers: tiers('0', null) }, 'tiers/0/up_to', 'greater than 0'],
    ['a last tier that ends', { ...TIERED, tiers: tiers('10', '20') }, 'tiers/1/up_to', 'must be null'],
    ['a tier without end before', { ...TIERED, tiers: tiers(null, null) }, 'tiers/0/up_to', 'only the last'],
    [
      'a negative tier',
      { ...TIERED, tiers: [{ up_to: null, unit_price: '-1' }] },
      'tiers/0/unit_price',
      'negative',
    ],
    ['a negative flat', { ...TIERED, tiers: [{ ...END, flat: '-1' }] }, 'tiers/0/flat', 'negative'],
    ['a tier without up_to', { ...TIERED, tiers: [{ unit_price: '1' }] }, 'tiers/0/up_to', ''],
    [
      'an unknown switch',
      { ...TIERED, tiers: [END], tier_boundary: 'both' },
      'tier_boundary',
      'inclusive, excl',
    ],
    ['a package of nothing', { ...PACKAGE, package_size: '0' }, 'package_size', 'greater than 0'],
    ['a package beyond sense', { ...PACKAGE, package_price: '2000000000' }, 'package_price', 'at most'],
    ['a fee without amount', { model: 'flat', meter: 'traces' }, 'flat', 'as text'],
    ['less than nothing included', { ...METER, included: '-1' }, 'included', 'negative'],
  ])('with %s is refused', (_, meter, path, message) => {
    expect(faultsOf({ currency: 'USD', meters: [meter] })).toEqual([
      { path: `/meters/0/${path}`, message: expect.stringContaining(message) },
    ])
  })

  test.each<[string, object, string, string]>([
    ['a currency that is none', { currency: 'EURO' }, '/currency', 'ISO 4217'],
    ['a currency in small letters', { currency: 'eur' }, '/currency', 'ISO 4217'],
    ['more than all taken off', { discount_pct: '101' }, '/discount_pct', 'at most 100'],
    ['a minimum above the maximum', { minimum: '2', maximum: '1' }, '/maximum', 'less than the minimum'],
    ['a commitment above it', { commitment: { amount: '2' }, maximum: '1' }, '/maximum', 'the commitment'],
    ['a commitment to nothing', { commitment: { amount: '0' } }, '/commitment/amount', 'greater than 0'],
    ['credits of next to nothing', { credit_rate: '0.0000000009' }, '/credit_rate', 'at least 0.000000001'],
    ['credits without a rate', { bill_as: 'credits' }, '/credit_rate', 'must be given'],
    ['another way to bill', { bill_as: 'shells' }, '/bill_as', 'money, credits'],
    ['negative overage', { overage: { unit_price: '-1' } }, '/overage/unit_price', 'negative'],
    ['a meter included that is not there', { included: [inc('traces')] }, '/included/0/meter', 'not a meter'],
    ['one included twice', { included: [inc(), inc()] }, '/included/1/meter', 'included already'],
    ['a minimum that is a number', { minimum: 1 }, '/minimum', 'as text'],
  ])('with %s is refused', (_, terms, path, message) => {
    expect(faultsOf({ currency: 'USD', meters: [METER], ...terms })).toEqual([
      { path, message: expect.stringContaining(message) },
    ])
  })

  test('says where an included quantity goes, if two meters could have it', () => {
    const named = { ...METER, filter: { model: 'claude-*' } }
    expect(faultsOf({ currency: 'USD', meters: [named, METER], included: [inc()] })).toEqual([
      { path: '/included/0/meter', message: expect.stringContaining('more than one meter') },
    ])
    expect(faultsOf({ currency: 'USD', meters: [{ ...METER, included: '1' }], included: [inc()] })).toEqual([
      { path: '/included/0/meter', message: 'has `included` of its own' },
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

describe('a capacity', () => {
  const end = { limits: {}, price: '9' }
  const tier = (limits: object, price = '1') => ({ limits, price })
  const faultsOf = (capacity: unknown) => {
    try {
      parsePlan({ currency: 'USD', meters: [METER, PACKAGE], capacity })
      return []
    } catch (error) {
      return (error as AforoError).faults
    }
  }

  test.each([
    ['no tier', { tiers: [] }, '/capacity/tiers', 'must have a tier'],
    ['an end with a limit', { tiers: [tier({ traces: '1' })] }, '/capacity/tiers/0/limits', 'must be empty'],
    ['a tier without a limit', { tiers: [tier({}), end] }, '/capacity/tiers/0/limits', 'must have a limit'],
    [
      'a limit that falls',
      { tiers: [tier({ traces: '2' }), tier({ traces: '1' }), end] },
      '/capacity/tiers/1/limits/traces',
      'must not be less than 2',
    ],
    [
      'a limit that comes later',
      { tiers: [tier({ traces: '2' }), tier({ traces: '3', input_tokens: '3' }), end] },
      '/capacity/tiers/1/limits/input_tokens',
      'has no limit in the tier before',
    ],
    [
      'a limit of what nothing counts',
      { tiers: [tier({ tool_calls: '2' }), end] },
      '/capacity/tiers/0/limits/tool_calls',
      'is not a meter of the plan',
    ],
    [
      'a limit of cost',
      { tiers: [tier({ cogs: '2' }), end] },
      '/capacity/tiers/0/limits/cogs',
      'is not a known field',
    ],
    [
      'a price below zero',
      { tiers: [tier({ traces: '2' }, '-1'), end] },
      '/capacity/tiers/0/price',
      'negative',
    ],
    [
      'too many tiers',
      { tiers: [...Array.from({ length: TIERS_MAX }, (_, no) => tier({ traces: `${no}` })), end] },
      '/capacity/tiers',
      'at most',
    ],
  ])('with %s is refused', (_what, capacity, path, told) => {
    const [fault] = faultsOf(capacity)
    expect(fault).toEqual({ path, message: expect.stringContaining(told) })
  })

  test('has as many tiers as there may be', () => {
    const most = Array.from({ length: TIERS_MAX - 1 }, (_, no) => tier({ traces: `${no}` }))
    expect(faultsOf({ tiers: [...most, end] })).toEqual([])
  })
})

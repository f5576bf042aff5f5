import fc from 'fast-check'

export const MONTHS = 4

/** Something that is done to a customer: what it uses, what is corrected, invoiced, given back, made void. */
export const STEP = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('use' as const),
      month: fc.nat(MONTHS - 1),
      tokens: fc.integer({ min: 0, max: 3000 }),
      model: fc.nat(2),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('revise' as const),
      event: fc.nat(),
      tokens: fc.integer({ min: 0, max: 3000 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('finalize' as const), month: fc.nat(MONTHS - 1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('credit' as const), no: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('void' as const), no: fc.nat() }) },
)

/** What a plan has beside its meter. */
export const TERMS = fc.record(
  {
    minimum: fc.constantFrom('3', '10.005'),
    maximum: fc.constantFrom('12', '25.5'),
    commitment: fc.record({
      amount: fc.constantFrom('5', '8.7'),
      overage_factor: fc.constantFrom('1', '1.5'),
    }),
    capacity: fc.constant({
      tiers: [
        { limits: { input_tokens: '4000' }, price: '1.005' },
        { limits: {}, price: '6' },
      ],
    }),
    discount_pct: fc.constantFrom('7'),
  },
  { requiredKeys: [] },
)

export const METER = fc.constantFrom(
  { meter: 'input_tokens', model: 'per_unit', unit_price: '3.333', per: '1000' },
  {
    meter: 'input_tokens',
    model: 'volume',
    tiers: [
      { up_to: '4000', unit_price: '0.003' },
      { up_to: null, unit_price: '0.001' },
    ],
  },
  { meter: 'input_tokens', model: 'package', package_size: '700', package_price: '1.115' },
)

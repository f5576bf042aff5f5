import fc from 'fast-check'
import { Decimal } from '../../core/money.ts'
import type { Plan, PlanMeter } from '../../core/plan.ts'

/** Plans of every model with every switch, as their authors write them. */

/** A decimal below a million with so many digits after the point. */
export const decimalOf = (digits: number) =>
  fc
    .tuple(fc.integer({ min: 0, max: 999_999 }), fc.integer({ min: 0, max: digits }))
    .map(([number, scale]) => new Decimal(number).div(new Decimal(10).pow(scale)).toFixed())

const per = fc.constantFrom('1', '3', '7', '1000')
const rounding = fc.constantFrom('none', 'up', 'nearest', 'down', undefined)
const zero_usage = fc.constantFrom('nothing', 'flat', undefined)
const tokens = fc.constant('input_tokens' as const)

const tiers = fc
  .uniqueArray(fc.integer({ min: 1, max: 5_000 }), { maxLength: 4 })
  .map((ends) => [...ends.sort((a, b) => a - b).map(String), null])
  .chain((ends) =>
    fc.tuple(
      ...ends.map((up_to) =>
        fc.record(
          { up_to: fc.constant(up_to), unit_price: decimalOf(9), per, flat: decimalOf(4) },
          { requiredKeys: ['up_to', 'unit_price'] },
        ),
      ),
    ),
  )

const some = {
  included: fc.option(
    fc.integer({ max: 2_000, min: 0 }).map((whole) => String(whole)),
    { nil: undefined },
  ),
  negative: fc.constantFrom('mirrored', 'zero', undefined),
}

/** A meter of any model but one; `cogs` is counted by cost_plus alone. */
export const anyMeter: fc.Arbitrary<PlanMeter> = fc.oneof(
  fc.record({
    ...some,
    model: fc.constant('per_unit' as const),
    meter: tokens,
    unit_price: decimalOf(15),
    per,
    rounding,
  }),
  fc.record({
    ...some,
    model: fc.constantFrom('graduated' as const, 'volume' as const),
    meter: tokens,
    tiers,
    tier_boundary: fc.constantFrom('inclusive', 'exclusive', undefined),
    zero_usage,
    rounding,
  }),
  fc.record({
    ...some,
    model: fc.constant('package' as const),
    meter: tokens,
    package_size: per,
    package_price: decimalOf(9),
    rounding,
  }),
  fc.record({ ...some, model: fc.constant('flat' as const), meter: tokens, flat: decimalOf(4), zero_usage }),
  fc.record({
    ...some,
    model: fc.constant('cost_plus' as const),
    meter: fc.constant('cogs' as const),
    markup_pct: decimalOf(12),
  }),
)

/** A plan of one meter, with a discount. */
export const anyPlanOfOne: fc.Arbitrary<Plan> = fc.record({
  currency: fc.constant('USD'),
  meters: anyMeter.map((meter) => [meter]),
  discount_pct: fc.constantFrom(undefined, '0', '12.5', '33.333', '100'),
})

/** A plan of several meters that share the tokens by model, another for tools and one for costs. */
export const anyPlan: fc.Arbitrary<Plan> = fc
  .record({
    named: anyMeter.filter(({ meter }) => meter !== 'cogs'),
    others: anyMeter.filter(({ meter }) => meter !== 'cogs'),
    tools: anyMeter.filter(({ meter }) => meter !== 'cogs'),
    costs: anyMeter.filter(({ meter }) => meter === 'cogs'),
    discount_pct: fc.constantFrom('0', '12.5'),
  })
  .map(({ named, others, tools, costs, discount_pct }) => ({
    currency: 'USD',
    discount_pct,
    meters: [
      { ...named, filter: { model: 'a' } },
      others,
      { ...tools, meter: 'tool_calls' } as PlanMeter,
      costs,
    ],
  }))

import { z } from 'zod'
import { parseDecimal } from '../../core/money.ts'
import {
  type CapacityTier,
  METERS,
  NEGATIVES,
  PRICE_MODELS,
  ROUNDINGS,
  TIER_BOUNDARIES,
  type Tier,
  ZERO_USAGES,
} from '../../core/plan.ts'
import { FILTER, oneOf, POSITIVE_QUANTITY, PRICE, QUANTITY, refuseSteepPrice } from './plan-fields.ts'

/** Tiers of one meter. */
export const TIERS_MAX = 100

const UNITS = METERS.filter((meter) => meter !== 'cogs')

const everyMeter = {
  filter: FILTER.optional(),
  included: QUANTITY.optional(),
  negative: oneOf(NEGATIVES).optional(),
}
const counted = {
  ...everyMeter,
  meter: z.enum(UNITS, { error: `must be one of ${UNITS.join(', ')}` }),
}
const rounding = oneOf(ROUNDINGS).optional()
const zeroUsage = oneOf(ZERO_USAGES).optional()

const TIER = z
  .strictObject(
    {
      up_to: POSITIVE_QUANTITY.nullable(),
      unit_price: PRICE,
      per: POSITIVE_QUANTITY.optional(),
      flat: PRICE.optional(),
    },
    'must be an object',
  )
  .superRefine(({ unit_price, per }, context) => refuseSteepPrice(unit_price, per, ['unit_price'], context))

const TIERS = z
  .array(TIER, 'must be a list')
  .min(1, 'must have a tier')
  .max(TIERS_MAX, `must be at most ${TIERS_MAX} tiers`)
  .superRefine(refuseDisorder)

const tiered = {
  ...counted,
  tiers: TIERS,
  tier_boundary: oneOf(TIER_BOUNDARIES).optional(),
  zero_usage: zeroUsage,
  rounding,
}

const CAPACITY_TIER = z.strictObject(
  {
    limits: z.partialRecord(z.enum(UNITS), QUANTITY, 'must be an object'),
    price: PRICE,
  },
  'must be an object',
)

/** A fee by the largest of several meters. */
export const CAPACITY = z.strictObject(
  {
    tiers: z
      .array(CAPACITY_TIER, 'must be a list')
      .min(1, 'must have a tier')
      .max(TIERS_MAX, `must be at most ${TIERS_MAX} tiers`)
      .superRefine(refuseLimits),
    zero_usage: zeroUsage,
  },
  'must be an object',
)

/** A meter of a plan, by its price model. */
export const METER = z.discriminatedUnion(
  'model',
  [
    z
      .strictObject({
        ...counted,
        model: z.literal('per_unit'),
        unit_price: PRICE,
        per: POSITIVE_QUANTITY.optional(),
        rounding,
      })
      .superRefine(({ unit_price, per }, context) =>
        refuseSteepPrice(unit_price, per, ['unit_price'], context),
      ),
    z.strictObject({ ...tiered, model: z.literal('graduated') }),
    z.strictObject({ ...tiered, model: z.literal('volume') }),
    z
      .strictObject({
        ...counted,
        model: z.literal('package'),
        package_size: POSITIVE_QUANTITY,
        package_price: PRICE,
        rounding,
      })
      .superRefine(({ package_price, package_size }, context) =>
        refuseSteepPrice(package_price, package_size, ['package_price'], context),
      ),
    z.strictObject({
      ...everyMeter,
      model: z.literal('cost_plus'),
      meter: z.literal('cogs', { error: 'must be cogs' }),
      markup_pct: PRICE,
    }),
    z.strictObject({ ...counted, model: z.literal('flat'), flat: PRICE, zero_usage: zeroUsage }),
  ],
  { error: `must be one of ${PRICE_MODELS.join(', ')}` },
)

/** Each tier ends above the one before; the last, and only it, has no end: so no quantity is without a tier. */
function refuseDisorder(tiers: readonly Tier[], context: z.RefinementCtx): void {
  const refuse = (no: number, message: string) =>
    context.addIssue({ code: 'custom', path: [no, 'up_to'], message })
  tiers.forEach((tier, no) => {
    const isLast = no === tiers.length - 1
    const before = tiers[no - 1]?.up_to
    if (isLast && tier.up_to !== null) refuse(no, 'must be null: the last tier has no end')
    if (!isLast && tier.up_to === null) refuse(no, 'must be a quantity: only the last tier has no end')
    const [end, start] = [tier.up_to, before ?? null].map((text) =>
      text === null ? null : parseDecimal(text),
    )
    if (end && start && end.lessThanOrEqualTo(start))
      refuse(no, `must be more than ${before}, where it begins`)
  })
}

/** Limits go up from tier to tier, and the last has none: so every usage has a tier, and the largest meter decides. */
function refuseLimits(tiers: readonly CapacityTier[], context: z.RefinementCtx): void {
  tiers.forEach(({ limits }, no) => {
    const refuse = (path: readonly string[], message: string) =>
      context.addIssue({ code: 'custom', path: [no, 'limits', ...path], message })
    const isLast = no === tiers.length - 1
    if (isLast !== (Object.keys(limits).length === 0)) {
      refuse(
        [],
        isLast
          ? 'must be empty: the last tier has no end'
          : 'must have a limit: only the last tier has no end',
      )
    }
    if (no === 0) return
    for (const [meter, limit] of Object.entries(limits)) {
      const before = tiers[no - 1]!.limits[meter as keyof typeof limits]
      const [high, low] = [limit, before].map((text) => parseDecimal(text ?? ''))
      if (before === undefined) refuse([meter], 'has no limit in the tier before')
      else if (high && low && high.lessThan(low))
        refuse([meter], `must not be less than ${before}, in the tier before`)
    }
  })
}

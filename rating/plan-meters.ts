import { z } from 'zod'
import { parseDecimal } from '../core/money.ts'
import {
  METERS,
  NEGATIVES,
  PRICE_MODELS,
  ROUNDINGS,
  TIER_BOUNDARIES,
  type Tier,
  ZERO_USAGES,
} from '../core/plan.ts'
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

import { z } from 'zod'
import { GRANT_KINDS, GRANT_PRIORITY_MAX } from '../../core/credits.ts'
import { currencyCode } from '../../core/currency.ts'
import { AforoError } from '../../core/errors.ts'
import { faultsOf } from '../../core/faults.ts'
import { parseDecimal } from '../../core/money.ts'
import { BILLINGS, GRANT_EXPIRIES, METERS, type Plan, type PlanMeter, PRORATIONS } from '../../core/plan.ts'
import {
  CREDIT_RATE,
  oneOf,
  PERCENT,
  POSITIVE_PRICE,
  POSITIVE_QUANTITY,
  PRICE,
  QUANTITY,
} from './plan-fields.ts'
import { CAPACITY, METER } from './plan-meters.ts'

/** Meters of one plan. */
export const PLAN_METERS_MAX = 100
/** Recurring grants of one plan. */
export const PLAN_GRANTS_MAX = 10

/**
 * Checks a plan as its author wrote it.
 *
 * @param body the parsed JSON of a plan
 * @returns the plan, with only the fields that are known
 * @throws AforoError `invalid_argument` with a fault per field, all of them at once
 */
export function parsePlan(body: unknown): Plan {
  const result = PLAN.safeParse(body)
  if (result.success) return result.data
  const faults = faultsOf(result.error.issues)
  const list = faults.map((fault) => `${fault.path} ${fault.message}`).join('; ')
  throw new AforoError('invalid_argument', `plan: ${list}`, { faults })
}

const INCLUDED = z.strictObject({ meter: oneOf(METERS), quantity: QUANTITY }, 'must be an object')

const COMMITMENT = z.strictObject(
  {
    amount: POSITIVE_PRICE,
    true_up: z.boolean('must be true or false').optional(),
    overage_factor: POSITIVE_PRICE.optional(),
  },
  'must be an object',
)

const ROLLOVER = z.strictObject(
  {
    max: POSITIVE_QUANTITY,
    min: QUANTITY.optional(),
    carry_overage: z.boolean('must be true or false').optional(),
  },
  'must be an object',
)

const RECURRING_GRANT = z.strictObject(
  {
    name: z
      .string({ error: 'must be text' })
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be letters, digits, ".", "_" or "-", at most 64'),
    amount: POSITIVE_QUANTITY,
    kind: oneOf(GRANT_KINDS).optional(),
    priority: z.int('must be a whole number').min(0).max(GRANT_PRIORITY_MAX).optional(),
    expires: oneOf(GRANT_EXPIRIES).optional(),
    rollover: ROLLOVER.optional(),
  },
  'must be an object',
)

const PLAN = z
  .strictObject(
    {
      currency: z
        .string({ error: 'must be text' })
        .refine(currencyCode, 'must be a currency of ISO 4217: EUR'),
      credit_rate: CREDIT_RATE.optional(),
      meters: z
        .array(METER, 'must be a list')
        .max(PLAN_METERS_MAX, `must be at most ${PLAN_METERS_MAX} meters`)
        .superRefine(refuseDuplicates),
      included: z
        .array(INCLUDED, 'must be a list')
        .max(METERS.length, `must be at most ${METERS.length} quantities`)
        .optional(),
      discount_pct: PERCENT.optional(),
      minimum: PRICE.optional(),
      maximum: PRICE.optional(),
      commitment: COMMITMENT.optional(),
      capacity: CAPACITY.optional(),
      proration: oneOf(PRORATIONS).optional(),
      bill_as: oneOf(BILLINGS).optional(),
      overage: z.strictObject({ unit_price: PRICE }, 'must be an object').optional(),
      grants: z
        .array(RECURRING_GRANT, 'must be a list')
        .max(PLAN_GRANTS_MAX, `must be at most ${PLAN_GRANTS_MAX} grants`)
        .optional(),
    },
    'must be an object',
  )
  .superRefine((plan, context) => {
    const refuse = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message })
    refuseStrayIncluded(plan, refuse)
    for (const [name, floor] of [
      ['minimum', plan.minimum],
      ['commitment', plan.commitment?.amount],
    ] as const) {
      const [low, high] = [floor, plan.maximum].map((text) => parseDecimal(text ?? ''))
      if (low && high?.lessThan(low)) refuse(['maximum'], `must not be less than the ${name}`)
    }
    if (plan.bill_as === 'credits' && plan.credit_rate === undefined) {
      refuse(['credit_rate'], 'must be given where credits are billed')
    }
    refuseStrayGrants(plan, refuse)
    refuseStrayLimits(plan, refuse)
  })

type Refuse = (path: (string | number)[], message: string) => void

/** A quantity that is included goes to one meter, or it would depend on the order of events which one has it. */
function refuseStrayIncluded({ meters, included = [] }: Plan, refuse: Refuse): void {
  included.forEach(({ meter }, no) => {
    const path = ['included', no, 'meter']
    const named = meters.filter((each) => each.meter === meter)
    if (included.findIndex((each) => each.meter === meter) < no) refuse(path, 'is included already')
    else if (named.length === 0) refuse(path, 'is not a meter of the plan')
    else if (named.length > 1)
      refuse(path, 'is more than one meter of the plan: give `included` at each of them')
    else if (named[0]!.included !== undefined) refuse(path, 'has `included` of its own')
  })
}

/** What no meter of the plan counts would never be above its limit. */
function refuseStrayLimits({ meters, capacity }: Plan, refuse: Refuse): void {
  capacity?.tiers.forEach(({ limits }, no) => {
    for (const meter of Object.keys(limits)) {
      if (!meters.some((each) => each.meter === meter))
        refuse(['capacity', 'tiers', no, 'limits', meter], 'is not a meter of the plan')
    }
  })
}

/** Credits are of use where credits are billed; what never expires has nothing to carry over. */
function refuseStrayGrants({ grants = [], bill_as }: Plan, refuse: Refuse): void {
  if (grants.length > 0 && bill_as !== 'credits') refuse(['grants'], 'need bill_as: credits')
  grants.forEach(({ name, expires, rollover }, no) => {
    const path = ['grants', no]
    if (grants.findIndex((each) => each.name === name) < no) refuse([...path, 'name'], 'is taken already')
    if (rollover && expires === 'never') refuse([...path, 'rollover'], 'is of no use to what never expires')
    const [min, max] = [rollover?.min, rollover?.max].map((text) => parseDecimal(text ?? ''))
    if (min && max?.lessThan(min)) refuse([...path, 'rollover', 'max'], 'must not be less than min')
  })
}

/** A meter with the filter of an earlier one would never be reached. */
function refuseDuplicates(meters: readonly PlanMeter[], context: z.RefinementCtx): void {
  const first = new Map<string, number>()
  meters.forEach((meter, no) => {
    const filter = Object.entries(meter.filter ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
    const name = JSON.stringify([meter.meter, filter])
    const earlier = first.get(name)
    if (earlier === undefined) first.set(name, no)
    else
      context.addIssue({
        code: 'custom',
        path: [no],
        message: `has the meter and filter of /meters/${earlier}, which has all of it`,
      })
  })
}

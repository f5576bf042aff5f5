import { z } from 'zod'
import { AforoError } from '../core/errors.ts'
import { type Decimal, parseDecimal } from '../core/money.ts'
import { METERS, type Plan, type PlanMeter, PRICE_MODELS } from '../core/plan.ts'

/** Meters of one plan. */
export const PLAN_METERS_MAX = 100

/** Whole units a price or a `per` may have: above, an amount could leave the tables' numeric(38,18). */
const AMOUNT_MAX = '1000000000'
const FRACTION_DIGITS_MAX = 15
const GLOB_LENGTH_MAX = 200

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
  const faults = result.error.issues.flatMap((issue) => {
    const at = issue.path.map((step) => `/${String(step)}`).join('')
    if (issue.code !== 'unrecognized_keys') return [{ path: at || '/', message: issue.message }]
    return issue.keys.map((key) => ({ path: `${at}/${key}`, message: 'is not a known field' }))
  })
  const list = faults.map((fault) => `${fault.path} ${fault.message}`).join('; ')
  throw new AforoError('invalid_argument', `plan: ${list}`, { faults })
}

const GLOB = z
  .string({ error: 'must be text' })
  .min(1, 'must not be empty')
  .max(GLOB_LENGTH_MAX, `must be at most ${GLOB_LENGTH_MAX} characters`)

const FILTER = z
  .strictObject({ model: GLOB, provider: GLOB, tool: GLOB, agent: GLOB, product: GLOB }, 'must be an object')
  .partial()

const NOT_NEGATIVE = decimal((value) => !value.isNegative(), 'must not be negative')
const POSITIVE = decimal((value) => value.greaterThan(0), 'must be greater than 0')

const UNITS = METERS.filter((meter) => meter !== 'cogs')

const METER = z.discriminatedUnion(
  'model',
  [
    z.strictObject({
      model: z.literal('per_unit'),
      meter: z.enum(UNITS, { error: `must be one of ${UNITS.join(', ')}` }),
      filter: FILTER.optional(),
      unit_price: NOT_NEGATIVE,
      per: POSITIVE.optional(),
    }),
    z.strictObject({
      model: z.literal('cost_plus'),
      meter: z.literal('cogs', { error: 'must be cogs' }),
      filter: FILTER.optional(),
      markup_pct: NOT_NEGATIVE,
    }),
  ],
  { error: `must be one of ${PRICE_MODELS.join(', ')}` },
)

const PLAN = z.strictObject(
  {
    currency: z.literal('USD', { error: 'must be USD: costs are in USD and no exchange rates are kept' }),
    credit_rate: POSITIVE.optional(),
    meters: z
      .array(METER, 'must be a list')
      .max(PLAN_METERS_MAX, `must be at most ${PLAN_METERS_MAX} meters`)
      .superRefine(refuseDuplicates),
  },
  'must be an object',
)

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

function decimal(accept: (value: Decimal) => boolean, refusal: string): z.ZodType<string> {
  return z.string({ error: 'must be a decimal as text' }).superRefine((text, context) => {
    const value = parseDecimal(text)
    const refuse = (message: string) => context.addIssue({ code: 'custom', message })
    if (value === null) refuse('must be a decimal number like 0.003')
    else if (!accept(value)) refuse(refusal)
    else if (value.greaterThan(AMOUNT_MAX)) refuse(`must be at most ${AMOUNT_MAX}`)
    else if (value.decimalPlaces() > FRACTION_DIGITS_MAX)
      refuse(`must have at most ${FRACTION_DIGITS_MAX} digits after the point`)
  })
}

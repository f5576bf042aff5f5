import { z } from 'zod'
import {
  BUDGET_MODES,
  BUDGET_UNITS,
  BUDGET_WINDOWS,
  type Budget,
  COUNT_UNITS,
  OUTAGES,
  SCOPE_FIELDS,
} from '../core/budget.ts'
import { DECIMAL_WANTED } from '../core/faults.ts'
import { type Decimal, parseDecimal } from '../core/money.ts'
import { name, ownId } from './fields.ts'

/** How a budget is written: every field is checked, and what does not fit together is refused. */

const WARN_AT_MAX = 10
const AMOUNT_MAX = '1000000000000000'
const PER_SECOND_MAX = '1000000'
const FRACTION_DIGITS_MAX = 15

const scoped = name
  .refine((text) => text === '*' || !text.includes('*'), 'must be one value, or "*" for each one apart')
  .nullish()

const amount = decimal(AMOUNT_MAX, (value) => !value.isNegative(), 'must not be negative')
const share = decimal('1', (value) => value.greaterThan(0), 'must be greater than 0')

/** What the API adds to a budget; in a PUT these are ignored, so that what was read can be sent back. */
const ADDED = ['budget_id', 'version', 'recorded_at', 'use', 'more_use'] as const

const fields = z.strictObject({
  ...(Object.fromEntries(ADDED.map((field) => [field, z.unknown().optional()])) as Record<
    (typeof ADDED)[number],
    z.ZodOptional<z.ZodUnknown>
  >),
  scope: z.strictObject(Object.fromEntries(SCOPE_FIELDS.map((field) => [field, scoped]))).default({}),
  unit: oneOf(BUDGET_UNITS),
  limit: z.union([z.literal('balance'), amount], { error: `${DECIMAL_WANTED}, or "balance"` }),
  window: oneOf(BUDGET_WINDOWS),
  mode: oneOf(BUDGET_MODES).default('hard'),
  warn_at: z.array(share).min(1).max(WARN_AT_MAX).optional(),
  throttle: z
    .strictObject({
      at: share,
      per_second: decimal(PER_SECOND_MAX, (value) => value.greaterThan(0), 'must be greater than 0'),
    })
    .optional(),
  on_outage: oneOf(OUTAGES).default('bounded'),
  estimate: decimal(AMOUNT_MAX, (value) => value.greaterThan(0), 'must be greater than 0').optional(),
  hint_model: name.optional(),
  floor_after: amount.optional(),
})

/** The body of a budget as it is written. */
export const budgetFields = fields.superRefine((budget, context) => {
  const refuse = (path: string, message: string) =>
    context.addIssue({ code: 'custom', path: [path], message })
  const { unit, window, limit, scope } = budget
  if (limit === 'balance') refuseOddWallet(budget, refuse)
  else if (COUNT_UNITS.has(unit) && parseDecimal(limit)?.isInteger() === false) {
    refuse('limit', `must be a whole number of ${unit}`)
  }
  if (unit === 'margin_pct') refuseOddFloor(budget, refuse)
  else {
    if (budget.hint_model !== undefined) refuse('hint_model', 'is only for a floor of the margin')
    if (budget.floor_after !== undefined) refuse('floor_after', 'is only for a floor of the margin')
  }
  if (window === 'session' && scope.session === '*') {
    refuse('scope', 'counts each session apart by its window already')
  }
  const shares = budget.warn_at?.map(parseDecimal) ?? []
  if (shares.some((value, i) => i > 0 && !value!.greaterThan(shares[i - 1]!))) {
    refuse('warn_at', 'must rise')
  }
})

type Written = z.infer<typeof fields>
type Refuse = (path: string, message: string) => void

function refuseOddWallet({ unit, window, scope }: Written, refuse: Refuse): void {
  if (unit !== 'credits' || window !== 'lifetime') {
    refuse('limit', 'is the balance only of credits over a lifetime')
  }
  if (SCOPE_FIELDS.some((field) => field !== 'customer' && (scope[field] ?? null) !== null)) {
    refuse('scope', 'of a wallet is a customer and nothing else: the balance is the customer’s')
  }
}

function refuseOddFloor({ limit, warn_at, throttle, estimate }: Written, refuse: Refuse): void {
  if (limit !== 'balance' && parseDecimal(limit)?.greaterThan(100))
    refuse('limit', 'must be at most 100 percent')
  if (warn_at !== undefined) refuse('warn_at', 'is a share of a limit, and a floor is none')
  if (throttle !== undefined) refuse('throttle', 'begins at a share of a limit, and a floor is none')
  if (estimate !== undefined) refuse('estimate', 'is held against a limit, and a floor is none')
}

/** The budget as it is kept: without what says nothing, so that two bodies that say the same are the same. */
export function budgetOf({ scope, ...rest }: Written): Budget {
  const known = Object.entries(scope).filter(([, value]) => value !== null && value !== undefined)
  const ofWallet = rest.limit === 'balance' && known.length === 0 ? { customer: '*' } : {}
  const said = Object.entries(rest).filter(
    ([field, value]) => value !== undefined && !(ADDED as readonly string[]).includes(field),
  )
  return { scope: { ...Object.fromEntries(known), ...ofWallet }, ...Object.fromEntries(said) } as Budget
}

export const budgetPath = z.object({ budget_id: ownId })

function oneOf<const T extends readonly [string, ...string[]]>(words: T) {
  return z.enum(words, { error: `must be one of ${words.join(', ')}` })
}

function decimal(
  max: string,
  accept: (value: Decimal) => boolean,
  refusal: string,
): z.ZodType<string, string> {
  return z.string({ error: DECIMAL_WANTED }).superRefine((text, context) => {
    const value = parseDecimal(text)
    const refuse = (message: string) => context.addIssue({ code: 'custom', message })
    if (value === null) refuse('must be a decimal number like 0.5')
    else if (!accept(value)) refuse(refusal)
    else if (value.greaterThan(max)) refuse(`must be at most ${max}`)
    else if (value.decimalPlaces() > FRACTION_DIGITS_MAX) {
      refuse(`must have at most ${FRACTION_DIGITS_MAX} digits after the point`)
    }
  })
}

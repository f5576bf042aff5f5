import { z } from 'zod'
import { DECIMAL_WANTED } from '../../core/faults.ts'
import { type Decimal, parseDecimal } from '../../core/money.ts'

/** Whole units a price may have: above, an amount could leave the tables' numeric(38,18). */
const PRICE_MAX = '1000000000'
const QUANTITY_MAX = '1000000000000000'
const FRACTION_DIGITS_MAX = 15

const notNegative = (value: Decimal) => !value.isNegative()
const positive = (value: Decimal) => value.greaterThan(0)

/** Money per something, or of a period. */
export const PRICE = decimal(PRICE_MAX, notNegative, 'must not be negative')
export const POSITIVE_PRICE = decimal(PRICE_MAX, positive, 'must be greater than 0')

/** Money that a credit is worth at least: for less, an ordinary price could be more credits than the tables hold. */
const CREDIT_RATE_MIN = '0.000000001'
export const CREDIT_RATE = decimal(
  PRICE_MAX,
  (value) => value.greaterThanOrEqualTo(CREDIT_RATE_MIN),
  `must be at least ${CREDIT_RATE_MIN}`,
)

/** How much of a meter. */
export const QUANTITY = decimal(QUANTITY_MAX, notNegative, 'must not be negative')
export const POSITIVE_QUANTITY = decimal(QUANTITY_MAX, positive, 'must be greater than 0')

export const PERCENT = decimal('100', notNegative, 'must not be negative')

const GLOB_LENGTH_MAX = 200
const GLOB = z
  .string({ error: 'must be text' })
  .min(1, 'must not be empty')
  .max(GLOB_LENGTH_MAX, `must be at most ${GLOB_LENGTH_MAX} characters`)

export const FILTER = z
  .strictObject({ model: GLOB, provider: GLOB, tool: GLOB, agent: GLOB, product: GLOB }, 'must be an object')
  .partial()

/** One of a list of words. */
export function oneOf<const T extends readonly [string, ...string[]]>(words: T) {
  return z.enum(words, { error: `must be one of ${words.join(', ')}` })
}

/** Adds a fault where a price for so many is beyond sense for one of them. */
export function refuseSteepPrice(
  price: string,
  per: string | undefined,
  path: readonly (string | number)[],
  context: z.RefinementCtx,
): void {
  const [money, size] = [parseDecimal(price), parseDecimal(per ?? '1')]
  if (money && size?.greaterThan(0) && money.div(size).greaterThan(PRICE_MAX)) {
    context.addIssue({ code: 'custom', path: [...path], message: `must be at most ${PRICE_MAX} for one` })
  }
}

function decimal(max: string, accept: (value: Decimal) => boolean, refusal: string): z.ZodType<string> {
  return z.string({ error: DECIMAL_WANTED }).superRefine((text, context) => {
    const value = parseDecimal(text)
    const refuse = (message: string) => context.addIssue({ code: 'custom', message })
    if (value === null) refuse('must be a decimal number like 0.003')
    else if (!accept(value)) refuse(refusal)
    else if (value.greaterThan(max)) refuse(`must be at most ${max}`)
    else if (value.decimalPlaces() > FRACTION_DIGITS_MAX)
      refuse(`must have at most ${FRACTION_DIGITS_MAX} digits after the point`)
  })
}

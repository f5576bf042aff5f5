import { z } from 'zod'
import { currencyCode } from '../core/currency.ts'
import { Decimal } from '../core/money.ts'
import { COST_METERS, FEE_BASES } from '../core/price.ts'
import { decimalUpTo, instant, name, PRICE_MAX, price } from './fields.ts'

/** What a tenant may say of a price of its own: a contract, an override, a model of its own. */

const clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time of day: 16:30')

const schedule = z
  .strictObject({
    tz: z.string().refine(isTimeZone, 'must be a time zone: Asia/Shanghai'),
    weekdays: z
      .array(z.int().min(1).max(7))
      .min(1)
      .max(7)
      .refine((days) => new Set(days).size === days.length, 'must not name a day twice')
      .transform((days) => [...days].sort()),
    from: clock,
    to: clock,
  })
  .refine(({ from, to }) => from !== to, { path: ['to'], message: 'must differ from `from`' })

const tokens = z.string().regex(/^\d{1,15}$/, 'must be a whole number')
const quantity = decimalUpTo('1000000000000').refine(
  (text) => !new Decimal(text).isZero(),
  'must be more than 0',
)

export const currency = z.string().refine(currencyCode, 'must be a currency of ISO 4217: EUR')

export const subject = {
  provider: name.optional().describe('absent: any provider'),
  model: name.optional(),
  tool: name.optional(),
  meter: z.enum(COST_METERS).optional().describe('tool_call for a tool, where it may be left out'),
}

export const effective = {
  effective_from: instant.optional(),
  effective_to: instant
    .optional()
    .describe('the first instant it does not count at; absent: until another begins'),
}

export const saidPrice = {
  unit_price: price,
  per: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be a whole number from 1')
    .default('1'),
  currency: currency.default('USD'),
  service_tier: name.default('standard'),
  region: name.optional().describe('counts for calls that name this region only'),
  context_from: tokens.default('0').describe('counts for calls whose whole input is above this many tokens'),
  context_inclusive: z.boolean().default(false).describe('or just as many'),
  schedule: schedule.optional().describe('the hours at which it counts; weekday 1 is Monday'),
  fee_basis: z
    .enum(FEE_BASES)
    .optional()
    .describe('default: `token` for meters of tokens, `call` for the others'),
  min_quantity: quantity.optional().describe('a call is billed for so much at least'),
  rounding_quantity: quantity.optional().describe('and in whole multiples of so much'),
}

export type SaidSubject = { provider?: string; model?: string; tool?: string; meter?: string }

/** Adds faults where it is not clear what a price is of. */
export function refuseStraySubject(body: SaidSubject, refuse: (path: string, message: string) => void): void {
  if ((body.model === undefined) === (body.tool === undefined))
    refuse('model', 'needs a model or a tool, not both')
  if (body.tool !== undefined && body.provider !== undefined && body.provider !== 'tool') {
    refuse('provider', 'is not for a tool')
  }
  const toolMeters = ['tool_call', 'tool_second']
  if (body.tool !== undefined && !toolMeters.includes(body.meter ?? 'tool_call'))
    refuse('meter', `must be ${toolMeters.join(' or ')}`)
  if (body.model !== undefined && (body.meter === undefined || toolMeters.includes(body.meter))) {
    refuse('meter', 'must be a meter of a model')
  }
  if (body.model !== undefined && body.provider === 'tool') refuse('provider', 'is for tools')
}

/** Adds faults where an end is not after its beginning, or a price is beyond sense for one. */
export function refuseDisorder(
  body: { effective_from?: string; effective_to?: string; unit_price?: string; per?: string },
  refuse: (path: string, message: string) => void,
): void {
  const { effective_from: from, effective_to: to, unit_price: money, per = '1' } = body
  if (to !== undefined && from !== undefined && Date.parse(to) <= Date.parse(from))
    refuse('effective_to', 'must be after effective_from')
  if (money !== undefined && /^\d+(\.\d+)?$/.test(money) && /^[1-9]\d*$/.test(per)) {
    if (new Decimal(money).div(per).greaterThan(PRICE_MAX))
      refuse('unit_price', `must be at most ${PRICE_MAX} for one`)
  }
}

function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: text })
    return true
  } catch {
    return false
  }
}

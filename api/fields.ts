import { z } from 'zod'
import { Decimal } from '../core/money.ts'

/** The fields that several routes share: how they are checked, and how they stand in the OpenAPI document. */

const PAGE_ROWS_MAX = 500
const PAGE_ROWS = '100'

/** A customer, product, session or the like, as a trace spells it: anything that can be printed. */
export const name = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not hold control characters')

const TEXT_MAX = 1_000

/** Several lines of text, as they stand on an invoice. */
export const lines = z
  .string()
  .max(TEXT_MAX)
  .regex(/^(\n|[^\p{Cc}\p{Cs}])*$/u, 'must not hold control characters, new lines aside')

/** The id of something that is made through the API. */
export const ownId = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    'must be letters, digits, ".", "_" or "-", at most 64, and begin with a letter or digit',
  )

export const eventId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/, 'is no event id')

export const exceptionId = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'is no exception id')

export const traceId = z
  .string()
  .regex(/^(?!0{32})[0-9a-fA-F]{32}$/, 'must be 32 hex digits, not all zero')
  .toLowerCase()

/** RFC 3339, any offset, from the year 1 on. */
export const instant = z.iso
  .datetime({ offset: true, error: 'must be an RFC 3339 time: 2026-01-31T00:00:00Z' })
  .refine((text) => !text.startsWith('0000'), 'must not be before the year 1')

/** An amount or quantity as the API writes it. */
export const decimal = z.string().regex(/^-?\d+(\.\d+)?$/)

/** An amount that is not negative, in whole units with up to 15 decimals. */
export const price = z
  .string()
  .regex(/^\d{1,15}(\.\d{1,15})?$/, 'must be a decimal string from 0, at most 15 digits and 15 decimals')

/** More than that for one of anything is a slip of the pen, and could leave the tables' numeric(38,18). */
export const PRICE_MAX = '1000000000'

/** An amount that is not negative and not more than `max`, with up to 15 decimals. */
export function decimalUpTo(max: string) {
  return price.refine(
    (text) => !/^\d+(\.\d+)?$/.test(text) || new Decimal(text).lessThanOrEqualTo(max),
    `must be at most ${max}`,
  )
}

export const limit = z
  .string()
  .regex(/^\d{1,9}$/, 'must be a whole number')
  .default(PAGE_ROWS)
  .transform(Number)
  .refine((rows) => rows >= 1 && rows <= PAGE_ROWS_MAX, `must be from 1 to ${PAGE_ROWS_MAX}`)

export const cursor = z.string().min(1).max(2048)

/** The query parameters of every list. */
export const page = { limit, cursor: cursor.optional() }

/** The body of a list. */
export function listOf<T extends z.ZodType>(row: T) {
  return z.object({ data: z.array(row), next_cursor: z.string().nullable() })
}

import { z } from 'zod'
import type { FieldFault } from '../../../core/errors.ts'
import { faultsOf } from '../../../core/faults.ts'
import { Decimal, decimalText } from '../../../core/money.ts'
import { COST_METERS, type CostMeter, FEE_BASES, TOKEN_METERS } from '../../../core/price.ts'
import { BEGINNING, type ListPrice, seriesOf } from '../list-price.ts'
import { refuse } from './catalogue-faults.ts'

/** Rows of one file. */
const ROWS_MAX = 50_000

const name = z.string().min(1).max(256)
const amount = z
  .string()
  .regex(/^\d{1,15}(\.\d{1,15})?$/, 'must be a decimal string from 0, at most 15 digits and 15 decimals')
const quantity = z.string().regex(/^(?!0+(\.0+)?$)\d{1,15}(\.\d{1,9})?$/, 'must be a decimal string above 0')
const whole = z.string().regex(/^\d{1,15}$/, 'must be a whole number from 0')
const instant = z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time: 2026-01-31T00:00:00Z' })
const clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be HH:MM')

const schedule = z.strictObject({
  tz: z.string().refine(isTimeZone, 'must be an IANA time zone'),
  weekdays: z.array(z.int().min(1).max(7)).min(1).max(7),
  from: clock,
  to: clock,
})

const row = z
  .strictObject({
    provider: name.refine((provider) => provider !== 'tool', 'is not for tools: write an override'),
    model: name,
    meter: z
      .enum(COST_METERS)
      .refine((meter) => meter !== 'tool_call', 'is not for tools: write an override'),
    unit_price: amount,
    per: z
      .string()
      .regex(/^[1-9]\d{0,14}$/, 'must be a whole number from 1')
      .default('1000000'),
    service_tier: name.default('standard'),
    region: z.string().max(256).default(''),
    currency: z.literal('USD', 'must be USD: a list in another currency is a contract').default('USD'),
    fee_basis: z.enum(FEE_BASES).optional(),
    min_quantity: quantity.nullable().default(null),
    rounding_quantity: quantity.nullable().default(null),
    context_from: whole.default('0'),
    context_inclusive: z.boolean().default(false),
    schedule: schedule.nullable().default(null),
    derived: z.boolean().default(false),
    effective_from: instant.optional(),
    effective_to: instant.nullable().default(null),
    source: name.optional(),
    // What GET /v1/prices says beside it, so that its answer is a file.
    price_row_id: z.string().optional(),
    book: z.literal('catalogue', 'must be catalogue').optional(),
    recorded_at: z.string().optional(),
  })
  .refine(
    ({ effective_from: from, effective_to: to }) =>
      to === null || Date.parse(to) > Date.parse(from ?? BEGINNING),
    {
      path: ['effective_to'],
      message: 'must be after effective_from',
    },
  )

const file = z.strictObject({
  complete: z.boolean().default(false),
  prices: z.array(row).min(1).max(ROWS_MAX),
})

/**
 * Reads our own plain format: `{"prices": […]}` with rows as `GET /v1/prices` has them. Rows without an instant count from when
 * they are taken in. Where `complete` is set, a price that is not in the file is missing from it.
 * @throws AforoError `invalid_argument` with the path of each fault, overlapping rows among them
 */
export function parseRows(
  document: unknown,
  source: string,
): {
  readonly rows: readonly ListPrice[]
  readonly complete: boolean
  readonly flags: readonly FieldFault[]
} {
  const result = file.safeParse(document)
  if (!result.success) refuse(source, faultsOf(result.error.issues))
  const rows = result.data.prices.map((each) => listPrice(each, source))
  const overlaps = overlapping(rows)
  if (overlaps.length > 0) refuse(source, overlaps)
  return { rows, complete: result.data.complete, flags: [] }
}

function listPrice(said: z.infer<typeof row>, source: string): ListPrice {
  const meter: CostMeter = said.meter
  return {
    provider: said.provider,
    model: said.model,
    meter,
    serviceTier: said.service_tier,
    region: said.region,
    unitPrice: decimalText(new Decimal(said.unit_price)),
    per: said.per,
    feeBasis: said.fee_basis ?? (TOKEN_METERS.has(meter) ? 'token' : 'call'),
    minQuantity: said.min_quantity && decimalText(new Decimal(said.min_quantity)),
    roundingQuantity: said.rounding_quantity && decimalText(new Decimal(said.rounding_quantity)),
    contextFrom: decimalText(new Decimal(said.context_from)),
    contextInclusive: said.context_inclusive,
    schedule: said.schedule && { ...said.schedule, weekdays: [...new Set(said.schedule.weekdays)].sort() },
    effectiveFrom:
      said.effective_from === undefined ? BEGINNING : new Date(said.effective_from).toISOString(),
    effectiveTo: said.effective_to === null ? null : new Date(said.effective_to).toISOString(),
    derived: said.derived,
    source: said.source ?? source,
  }
}

/** Of one series one row counts at an instant. */
function overlapping(rows: readonly ListPrice[]): readonly FieldFault[] {
  const faults: FieldFault[] = []
  for (const places of Map.groupBy(rows.keys(), (no) => seriesOf(rows[no]!)).values()) {
    const ordered = [...places].sort((a, b) => (rows[a]!.effectiveFrom < rows[b]!.effectiveFrom ? -1 : 1))
    for (let i = 1; i < ordered.length; i++) {
      const before = rows[ordered[i - 1]!]!
      if (before.effectiveTo !== null && before.effectiveTo <= rows[ordered[i]!]!.effectiveFrom) continue
      faults.push({ path: `/prices/${ordered[i]}`, message: `overlaps /prices/${ordered[i - 1]}` })
    }
  }
  return faults
}

function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

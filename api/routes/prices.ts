import { z } from 'zod'
import { trimNumeric } from '../../core/money.ts'
import { FEE_BASES, type FeeBasis } from '../../core/price.ts'
import { decodeCursor, pageOf } from '../cursor.ts'
import { decimal, instant, listOf, name, page } from '../fields.ts'
import { rfc3339OfDatabase } from '../instant.ts'
import { listPrices, PRICE_KEY, type PriceRow, priceKey } from '../queries/prices.ts'
import { ok, route } from '../route.ts'

export const priceFields = z.object({
  price_row_id: z.string(),
  book: z.string(),
  provider: z.string().describe('`tool` for tools; empty for any provider'),
  model: z.string(),
  meter: z.string(),
  service_tier: z.string(),
  currency: z.string(),
  unit_price: decimal,
  per: decimal,
  region: z.string().describe('where the price counts; empty for everywhere else'),
  fee_basis: z.enum(FEE_BASES).describe('`request`: a call is billed once, however often it used the thing'),
  min_quantity: decimal.nullable().describe('a call is billed for so much at least'),
  rounding_quantity: decimal.nullable().describe('and in whole multiples of so much'),
  context_from: decimal.describe('counts for calls whose whole input is above this many tokens'),
  context_inclusive: z.boolean().describe('or just as many'),
  schedule: z
    .object({ tz: z.string(), weekdays: z.array(z.number()), from: z.string(), to: z.string() })
    .nullable()
    .describe('the hours at which it counts; weekday 1 is Monday'),
  derived: z.boolean().describe('worked out from another row by a multiplier the provider states'),
  effective_from: z.iso.datetime(),
  effective_to: z.iso.datetime().nullable(),
  recorded_at: z.iso.datetime(),
  source: z.string(),
})

export const priceRoutes = [
  route({
    method: 'get',
    path: '/v1/prices',
    summary: 'What models and tools cost us: the rows of the price book that count at an instant.',
    pathFields: z.object({}),
    queryFields: z.strictObject({
      provider: name.optional().describe('as the book names it, or as spans do: `aws.bedrock`'),
      model: name.optional().describe('as the book names it, or as spans do, or what an alias means at `at`'),
      at: instant.optional().describe('instant of the usage; now, where it is not given'),
      known_at: instant.optional().describe('leaves out rows recorded later; now, where it is not given'),
      ...page,
    }),
    answers: { 200: listOf(priceFields) },
    async handle({ client, tenantId, query, now, prices }) {
      const { provider, model, at = now.toISOString(), known_at: knownAt = now.toISOString() } = query
      const after = decodeCursor(query.cursor, PRICE_KEY)
      const names = await prices.names(provider, model)
      const wanted = { names, at, knownAt, after, rows: query.limit + 1 }
      return ok(pageOf(await listPrices(client, tenantId, wanted), query.limit, priceKey, showPrice))
    },
  }),
]

/** A row of the price book as the API shows it. */
export function showPrice(row: PriceRow): z.infer<typeof priceFields> {
  return {
    price_row_id: row.priceRowId,
    book: row.book,
    provider: row.provider,
    model: row.model,
    meter: row.meter,
    service_tier: row.serviceTier,
    currency: row.currency,
    unit_price: trimNumeric(row.unitPrice),
    per: row.per,
    region: row.region,
    fee_basis: row.feeBasis as FeeBasis,
    min_quantity: row.minQuantity && trimNumeric(row.minQuantity),
    rounding_quantity: row.roundingQuantity && trimNumeric(row.roundingQuantity),
    context_from: row.contextFrom,
    context_inclusive: row.contextInclusive,
    schedule: row.schedule && { ...row.schedule, weekdays: [...row.schedule.weekdays] },
    derived: row.derived,
    effective_from: rfc3339OfDatabase(row.effectiveFrom),
    effective_to: row.effectiveTo && rfc3339OfDatabase(row.effectiveTo),
    recorded_at: rfc3339OfDatabase(row.recordedAt),
    source: row.source,
  }
}

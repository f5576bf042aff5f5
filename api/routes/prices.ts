import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import { Decimal, trimNumeric } from '../../core/money.ts'
import { COST_METERS, FEE_BASES, type FeeBasis } from '../../core/price.ts'
import { completeEvents } from '../../schema/completion.ts'
import { decodeCursor, pageOf } from '../cursor.ts'
import { decimal, instant, listOf, name, ownId, page, price } from '../fields.ts'
import { rfc3339OfDatabase } from '../instant.ts'
import {
  addOverride,
  isPricedAtAll,
  type ListedPrice,
  listPrices,
  lockOverride,
  PRICE_KEY,
  priceKey,
  readOverride,
  type StoredPrice,
  type WantedPrice,
} from '../queries/prices.ts'
import { ok, route } from '../route.ts'

/** Where nothing had a price, the first one counts for all usage that came before it. */
const FROM_EVER = '1970-01-01T00:00:00.000Z'

const priceFields = z.object({
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

const overrideFields = z
  .strictObject({
    provider: name.optional().describe('absent: any provider'),
    model: name.optional(),
    tool: name.optional(),
    meter: z.enum(COST_METERS).optional().describe('tool_call for a tool, where it may be left out'),
    unit_price: price,
    per: z
      .string()
      .regex(/^[1-9]\d{0,14}$/, 'must be a whole number from 1')
      .default('1'),
    effective_from: instant.optional(),
    service_tier: name.default('standard'),
  })
  .superRefine((body, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message })
    if ((body.model === undefined) === (body.tool === undefined))
      refuse('model', 'needs a model or a tool, not both')
    if (body.tool !== undefined && body.provider !== undefined && body.provider !== 'tool') {
      refuse('provider', 'is not for a tool')
    }
    if (body.tool !== undefined && (body.meter ?? 'tool_call') !== 'tool_call')
      refuse('meter', 'must be tool_call')
    if (body.model !== undefined && (body.meter === undefined || body.meter === 'tool_call')) {
      refuse('meter', 'must be a meter of a model')
    }
    if (body.model !== undefined && body.provider === 'tool') refuse('provider', 'is for tools')
  })

export const priceRoutes = [
  route({
    method: 'get',
    path: '/v1/prices',
    summary: 'What models and tools cost us: the rows of the price book that count at an instant.',
    pathFields: z.object({}),
    queryFields: z.strictObject({
      provider: name.optional(),
      model: name.optional(),
      at: instant.optional().describe('instant of the usage; now, where it is not given'),
      known_at: instant.optional().describe('leaves out rows recorded later; now, where it is not given'),
      ...page,
    }),
    answers: { 200: listOf(priceFields) },
    async handle({ client, tenantId, query, now }) {
      const { provider, model, at = now.toISOString(), known_at: knownAt = now.toISOString() } = query
      const after = decodeCursor(query.cursor, PRICE_KEY)
      const wanted = { provider, model, at, knownAt, after, rows: query.limit + 1 }
      return ok(pageOf(await listPrices(client, tenantId, wanted), query.limit, priceKey, showPrice))
    },
  }),
  route({
    method: 'put',
    path: '/v1/prices/overrides/{override_id}',
    summary: 'Says what a model or tool costs us. Goes before the catalogue.',
    description:
      'Writes a row into the price book when it differs from what this override said last; no row is ever changed, ' +
      'and no cost that was booked. Usage that had no price is costed. Without `effective_from` it counts from now ' +
      'on, or for all usage where nothing had a price for it.',
    pathFields: z.object({ override_id: ownId }),
    queryFields: z.strictObject({}),
    bodyFields: overrideFields,
    answers: { 200: priceFields, 201: priceFields },
    async handle({ client, tenantId, path, body, now }) {
      const wanted = wantedPrice(body)
      await lockOverride(client, tenantId, path.override_id)
      const last = await readOverride(client, tenantId, path.override_id)
      if (last && !isOfSamePrice(last, wanted)) {
        throw new AforoError(
          'conflict',
          `override ${path.override_id} is about ${last.meter} of ${last.model}; use another id`,
        )
      }
      if (last && saysTheSame(last, wanted)) return ok(showPrice(listed(last)))
      const isFirst = !last && !(await isPricedAtAll(client, tenantId, wanted))
      const effectiveFrom = wanted.effectiveFrom ?? (isFirst ? FROM_EVER : now.toISOString())
      const row = await addOverride(client, tenantId, path.override_id, { ...wanted, effectiveFrom }, now)
      await completeEvents(client, tenantId, { kind: 'price', provider: row.provider, model: row.model }, now)
      return { status: 201, body: showPrice(listed(row)) }
    },
  }),
]

function wantedPrice(body: z.infer<typeof overrideFields>): WantedPrice {
  return {
    provider: body.tool === undefined ? (body.provider ?? '') : 'tool',
    model: body.tool ?? body.model!,
    meter: body.meter ?? 'tool_call',
    serviceTier: body.service_tier,
    unitPrice: body.unit_price,
    per: body.per,
    effectiveFrom: body.effective_from ?? null,
  }
}

function isOfSamePrice(last: StoredPrice, wanted: WantedPrice): boolean {
  return (
    last.provider === wanted.provider &&
    last.model === wanted.model &&
    last.meter === wanted.meter &&
    last.serviceTier === wanted.serviceTier
  )
}

function saysTheSame(last: StoredPrice, wanted: WantedPrice): boolean {
  return (
    new Decimal(last.unitPrice).equals(wanted.unitPrice) &&
    String(last.per) === wanted.per &&
    (wanted.effectiveFrom === null || Date.parse(last.effectiveFrom) === Date.parse(wanted.effectiveFrom))
  )
}

function listed(row: StoredPrice): ListedPrice {
  return {
    ...row,
    priceRowId: String(row.priceRowId),
    per: String(row.per),
    contextFrom: String(row.contextFrom),
    scheduleText: '',
  }
}

function showPrice(row: ListedPrice): z.infer<typeof priceFields> {
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

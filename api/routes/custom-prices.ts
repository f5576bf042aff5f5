import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import { Decimal, trimNumeric } from '../../core/money.ts'
import { completeEvents } from '../../schema/completion.ts'
import { HOURLY_COSTS, readDatedRows, recordDatedRow, type StoredDatedRow } from '../../schema/dated-rows.ts'
import { decimal, decimalUpTo, listOf, ownId } from '../fields.ts'
import { rfc3339OfDatabase } from '../instant.ts'
import { effective, refuseDisorder, refuseStraySubject, saidPrice, subject } from '../own-price-fields.ts'
import { lockName } from '../queries/lock.ts'
import { readOwnPrice } from '../queries/own-prices.ts'
import { type Answer, type Call, ok, route } from '../route.ts'
import { type OwnPriceBody, putOwnPrice, refuseEndBefore } from './own-prices.ts'
import { priceFields } from './prices.ts'

/** Costs by the hour that a tenant may have known at once. */
const HOURLY_COSTS_MAX = 1_000

const SPREAD_OVER = ['hour', 'day'] as const

const hourlyFields = z.object({
  custom_id: z.string(),
  hourly_cost_id: z.string(),
  provider: z.string().describe('empty: any provider'),
  model: z.string(),
  hourly_usd: decimal,
  units: decimal,
  spread_over: z.enum(SPREAD_OVER),
  effective_from: z.iso.datetime(),
  effective_to: z.iso.datetime().nullable(),
  recorded_at: z.iso.datetime(),
})

const customFields = z
  .strictObject({
    ...subject,
    ...saidPrice,
    unit_price: saidPrice.unit_price.optional(),
    hourly_usd: decimalUpTo('1000000').optional().describe('what one unit costs by the hour, used or not'),
    units: decimalUpTo('100000')
      .refine((text) => (text.split('.')[1] ?? '').length <= 6, 'must have at most 6 digits after the point')
      .default('1')
      .describe('of what costs by the hour: GPUs, provisioned units'),
    spread_over: z
      .enum(SPREAD_OVER)
      .default('hour')
      .describe('whose tokens bear the cost: of each hour or day, UTC'),
    ...effective,
  })
  .superRefine((body, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message })
    refuseDisorder(body, refuse)
    if ((body.unit_price === undefined) === (body.hourly_usd === undefined)) {
      refuse('hourly_usd', 'needs a unit_price or an hourly_usd, not both')
    } else if (body.unit_price !== undefined) {
      refuseStraySubject(body, refuse)
    } else {
      if (body.model === undefined) refuse('model', 'is needed')
      for (const field of OF_A_PRICE)
        if (isGiven(body, field)) refuse(field, 'is of a price, not of a cost by the hour')
      if (body.currency !== 'USD') refuse('currency', 'must be USD')
    }
  })
type CustomBody = z.infer<typeof customFields>

const OF_A_PRICE = [
  'tool',
  'meter',
  'region',
  'schedule',
  'fee_basis',
  'min_quantity',
  'rounding_quantity',
] as const

function isGiven(body: object, field: string): boolean {
  return (body as Record<string, unknown>)[field] !== undefined
}

export const customPriceRoutes = [
  route({
    method: 'get',
    path: '/v1/prices/custom',
    summary: 'What models of our own cost by the hour.',
    description: `At most ${HOURLY_COSTS_MAX}. Prices per token stand in \`GET /v1/prices\`, and so does what each hour cost.`,
    pathFields: z.object({}),
    queryFields: z.strictObject({}),
    answers: { 200: listOf(hourlyFields) },
    async handle({ client, tenantId }) {
      const rows = await readDatedRows(client, HOURLY_COSTS, { tenant_id: tenantId }, HOURLY_COSTS_MAX)
      return ok({ data: rows.map(showHourly), next_cursor: null })
    },
  }),
  route({
    method: 'put',
    path: '/v1/prices/custom/{custom_id}',
    summary:
      'Says what a model that we run ourselves costs: per token, or by the hour. Goes before the catalogue.',
    description:
      'A `unit_price` is a row of the price book like an override, which goes before it. An `hourly_usd` is spread over ' +
      'the tokens of each closed hour or day (UTC) by share, to the last digit; until then its events are unpriced with ' +
      'the reason `not_allocated_yet`, and its cost lines are marked `allocated`. Usage that comes late spreads the hour ' +
      'anew. Without `effective_from` it counts from now on.',
    pathFields: z.object({ custom_id: ownId }),
    queryFields: z.strictObject({}),
    bodyFields: customFields,
    answers: { 200: z.union([priceFields, hourlyFields]), 201: z.union([priceFields, hourlyFields]) },
    async handle(call) {
      const { client, tenantId, path, body } = call
      const id = path.custom_id
      await lockName(client, ['custom', tenantId, id])
      const known = await readDatedRows(client, HOURLY_COSTS, { tenant_id: tenantId, custom_id: id }, 100)
      const isHourly = body.hourly_usd !== undefined
      if (isHourly ? await readOwnPrice(client, tenantId, 'custom', id) : known.length > 0) {
        const is = isHourly ? 'a price per token' : 'a cost by the hour'
        throw new AforoError('conflict', `custom ${id} is ${is}; use another id`)
      }
      return isHourly
        ? putHourly(call, id, body, known)
        : putOwnPrice(call, 'custom', id, body as OwnPriceBody)
    },
  }),
]

async function putHourly(
  { client, tenantId, now }: Pick<Call<unknown, unknown, CustomBody>, 'client' | 'tenantId' | 'now'>,
  id: string,
  body: CustomBody,
  known: readonly StoredDatedRow[],
): Promise<Answer> {
  const last = known.at(-1)
  const about = [body.provider ?? '', body.model!]
  if (last && (last.provider !== about[0] || last.model !== about[1])) {
    throw new AforoError('conflict', `custom ${id} is about ${last.model}; use another id`)
  }
  if (last && saysTheSame(last, body)) return ok(showHourly(last))
  if (known.length === 0) await refuseTooMany(client, tenantId)
  const effectiveFrom = body.effective_from ?? now.toISOString()
  const effectiveTo = body.effective_to ?? null
  refuseEndBefore(effectiveFrom, effectiveTo)
  const says = [id, body.hourly_usd!, body.units, body.spread_over]
  const row = { series: [tenantId, ...about], says, effectiveFrom, effectiveTo }
  const recorded = await recordDatedRow(client, HOURLY_COSTS, row, now)
  // What nothing priced so far waits for its share from now on.
  await completeEvents(client, tenantId, { kind: 'price', provider: about[0]!, model: about[1]! }, now)
  return { status: 201, body: showHourly(recorded) }
}

async function refuseTooMany(
  client: Call<unknown, unknown, unknown>['client'],
  tenantId: string,
): Promise<void> {
  const { rows } = await client.query<{ count: string }>(
    'select count(*) as count from aforo_store.hourly_costs where tenant_id = $1 and retracted_at is null',
    [tenantId],
  )
  if (Number(rows[0]!.count) < HOURLY_COSTS_MAX) return
  throw new AforoError('conflict', `there are ${HOURLY_COSTS_MAX} costs by the hour already: end one first`)
}

function saysTheSame(last: StoredDatedRow, body: CustomBody): boolean {
  return (
    new Decimal(last.hourly_usd!).equals(body.hourly_usd!) &&
    new Decimal(last.units!).equals(body.units) &&
    last.spread_over === body.spread_over &&
    (body.effective_from === undefined ||
      Date.parse(last.effective_from!) === Date.parse(body.effective_from)) &&
    (body.effective_to === undefined || Date.parse(last.effective_to ?? '') === Date.parse(body.effective_to))
  )
}

function showHourly(row: StoredDatedRow): z.infer<typeof hourlyFields> {
  return {
    custom_id: row.custom_id!,
    hourly_cost_id: row.id!,
    provider: row.provider!,
    model: row.model!,
    hourly_usd: trimNumeric(row.hourly_usd!),
    units: trimNumeric(row.units!),
    spread_over: row.spread_over as (typeof SPREAD_OVER)[number],
    effective_from: rfc3339OfDatabase(row.effective_from!),
    effective_to: row.effective_to ? rfc3339OfDatabase(row.effective_to) : null,
    recorded_at: rfc3339OfDatabase(row.recorded_at!),
  }
}

import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import { Decimal, trimNumeric } from '../../core/money.ts'
import { COST_METERS } from '../../core/price.ts'
import { DISCOUNTS, readDatedRows, recordDatedRow, type StoredDatedRow } from '../../schema/dated-rows.ts'
import { decimal, listOf, ownId, price } from '../fields.ts'
import { rfc3339OfDatabase } from '../instant.ts'
import { effective, refuseDisorder, refuseStraySubject, saidPrice, subject } from '../own-price-fields.ts'
import { lockName } from '../queries/lock.ts'
import { readOwnPrice } from '../queries/own-prices.ts'
import { type Answer, type Call, ok, route } from '../route.ts'
import { type OwnPriceBody, putOwnPrice, refuseEndBefore } from './own-prices.ts'
import { priceFields } from './prices.ts'

/** Discounts that a tenant may have. */
const CONTRACTS_MAX = 1_000

const glob = z.string().min(1).max(200)

const discountFields = z.object({
  contract_id: z.string(),
  price_discount_id: z.string(),
  provider: z.string(),
  model: z.string(),
  meter: z.string(),
  discount_pct: decimal,
  effective_from: z.iso.datetime(),
  effective_to: z.iso.datetime().nullable(),
  recorded_at: z.iso.datetime(),
})

const contractFields = z
  .strictObject({
    ...subject,
    meter: glob.optional().describe('a meter; of a discount a glob'),
    ...saidPrice,
    unit_price: saidPrice.unit_price.optional(),
    discount_pct: price
      .refine(
        (text) => !/^\d+(\.\d+)?$/.test(text) || new Decimal(text).lessThanOrEqualTo(100),
        'must be at most 100',
      )
      .refine(
        (text) => (text.split('.')[1] ?? '').length <= 12,
        'must have at most 12 digits after the point',
      )
      .optional()
      .describe('percent off the list prices of what provider, model and meter (globs) match'),
    ...effective,
  })
  .superRefine((body, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message })
    refuseDisorder(body, refuse)
    if ((body.unit_price === undefined) === (body.discount_pct === undefined)) {
      refuse('discount_pct', 'needs a unit_price or a discount_pct, not both')
    } else if (body.unit_price !== undefined) {
      refuseStraySubject(body, refuse)
      if (body.meter !== undefined && !(COST_METERS as readonly string[]).includes(body.meter))
        refuse('meter', `must be one of ${COST_METERS.join(', ')}`)
    } else {
      for (const field of OF_A_PRICE)
        if (isGiven(body, field)) refuse(field, 'is of a price, not of a discount')
    }
  })
type ContractBody = z.infer<typeof contractFields>

const OF_A_PRICE = ['tool', 'region', 'schedule', 'fee_basis', 'min_quantity', 'rounding_quantity'] as const

function isGiven(body: object, field: string): boolean {
  return (body as Record<string, unknown>)[field] !== undefined
}

export const contractRoutes = [
  route({
    method: 'get',
    path: '/v1/prices/contracts',
    summary: 'The discounts that are agreed, by contract and beginning.',
    description: `At most ${CONTRACTS_MAX}. Absolute prices of contracts stand in \`GET /v1/prices\`.`,
    pathFields: z.object({}),
    queryFields: z.strictObject({}),
    answers: { 200: listOf(discountFields) },
    async handle({ client, tenantId }) {
      const rows = await readDatedRows(client, DISCOUNTS, { tenant_id: tenantId }, 2 * CONTRACTS_MAX)
      return ok({ data: rows.map(showDiscount), next_cursor: null })
    },
  }),
  route({
    method: 'put',
    path: '/v1/prices/contracts/{contract_id}',
    summary:
      'Says what was agreed with a provider: a price, or percent off its list. Goes before everything else.',
    description:
      'A `unit_price` is a row of the price book like an override, and goes before it. A `discount_pct` is taken off ' +
      'the catalogue’s prices, before they are changed into USD, of what provider, model and meter (globs) match; of ' +
      'several the one that began last counts. Without `effective_from` it counts from now on. What was booked keeps ' +
      'its price and discount.',
    pathFields: z.object({ contract_id: ownId }),
    queryFields: z.strictObject({}),
    bodyFields: contractFields,
    answers: { 200: z.union([priceFields, discountFields]), 201: z.union([priceFields, discountFields]) },
    async handle(call) {
      const { client, tenantId, path, body } = call
      const id = path.contract_id
      await lockName(client, ['contract', tenantId, id])
      const known = await readDatedRows(client, DISCOUNTS, { tenant_id: tenantId, contract_id: id }, 100)
      const isDiscount = body.discount_pct !== undefined
      if (isDiscount ? await readOwnPrice(client, tenantId, 'contract', id) : known.length > 0) {
        const is = isDiscount ? 'a price' : 'a discount'
        throw new AforoError('conflict', `contract ${id} is ${is}; use another id`)
      }
      return isDiscount
        ? putDiscount(call, id, body, known)
        : putOwnPrice(call, 'contract', id, body as OwnPriceBody)
    },
  }),
]

async function putDiscount(
  { client, tenantId, now }: Pick<Call<unknown, unknown, ContractBody>, 'client' | 'tenantId' | 'now'>,
  id: string,
  body: ContractBody,
  known: readonly StoredDatedRow[],
): Promise<Answer> {
  const says = [body.provider ?? '*', body.model ?? '*', body.meter ?? '*', body.discount_pct!]
  const last = known.at(-1)
  if (last && saysTheSame(last, says, body)) return ok(showDiscount(last))
  if (known.length === 0) await refuseTooMany(client, tenantId)
  const effectiveFrom = body.effective_from ?? now.toISOString()
  refuseEndBefore(effectiveFrom, body.effective_to ?? null)
  const row = { series: [tenantId, id], says, effectiveFrom, effectiveTo: body.effective_to ?? null }
  return { status: 201, body: showDiscount(await recordDatedRow(client, DISCOUNTS, row, now)) }
}

async function refuseTooMany(
  client: Call<unknown, unknown, unknown>['client'],
  tenantId: string,
): Promise<void> {
  const { rows } = await client.query<{ count: string }>(
    'select count(distinct contract_id) as count from aforo_store.price_discounts where tenant_id = $1',
    [tenantId],
  )
  if (Number(rows[0]!.count) < CONTRACTS_MAX) return
  throw new AforoError('conflict', `there are ${CONTRACTS_MAX} discounts already: end one and use its id`)
}

function saysTheSame(last: StoredDatedRow, says: readonly string[], body: ContractBody): boolean {
  return (
    [last.provider, last.model, last.meter].join('\0') === says.slice(0, 3).join('\0') &&
    new Decimal(last.discount_pct!).equals(says[3]!) &&
    (body.effective_from === undefined ||
      Date.parse(last.effective_from!) === Date.parse(body.effective_from)) &&
    (body.effective_to === undefined || Date.parse(last.effective_to ?? '') === Date.parse(body.effective_to))
  )
}

function showDiscount(row: StoredDatedRow): z.infer<typeof discountFields> {
  return {
    contract_id: row.contract_id!,
    price_discount_id: row.id!,
    provider: row.provider!,
    model: row.model!,
    meter: row.meter!,
    discount_pct: trimNumeric(row.discount_pct!),
    effective_from: rfc3339OfDatabase(row.effective_from!),
    effective_to: row.effective_to ? rfc3339OfDatabase(row.effective_to) : null,
    recorded_at: rfc3339OfDatabase(row.recorded_at!),
  }
}

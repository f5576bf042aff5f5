import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import { Decimal } from '../../core/money.ts'
import { type CostMeter, TOKEN_METERS } from '../../core/price.ts'
import { completeEvents } from '../../schema/completion.ts'
import { ownId } from '../fields.ts'
import { effective, refuseDisorder, refuseStraySubject, saidPrice, subject } from '../own-price-fields.ts'
import { lockName } from '../queries/lock.ts'
import {
  addOwnPrice,
  isPricedAtAll,
  listed,
  type OwnBook,
  type OwnPrice,
  readOwnPrice,
  type StoredPrice,
} from '../queries/own-prices.ts'
import type { Answer, Call } from '../route.ts'
import { route } from '../route.ts'
import { priceFields, showPrice } from './prices.ts'

/** Where nothing had a price, the first one counts for all usage that came before it. */
export const FROM_EVER = '1970-01-01T00:00:00.000Z'

const ownPriceFields = z
  .strictObject({ ...subject, ...saidPrice, ...effective })
  .superRefine((body, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message })
    refuseStraySubject(body, refuse)
    refuseDisorder(body, refuse)
  })
export type OwnPriceBody = z.infer<typeof ownPriceFields>

const HOW =
  'Writes a row into the price book when it differs from what was said last under this id; no row is ever changed, ' +
  'and no cost that was booked. Usage that had no price is costed. Without `effective_from` it counts from now on, ' +
  'or for all usage where nothing had a price for it. A price in another currency than USD counts at the rates of ' +
  '`/v1/fx`.'

export const ownPriceRoutes = [
  route({
    method: 'put',
    path: '/v1/prices/overrides/{override_id}',
    summary: 'Says what a model or tool costs us. Goes before the catalogue.',
    description: HOW,
    pathFields: z.object({ override_id: ownId }),
    queryFields: z.strictObject({}),
    bodyFields: ownPriceFields,
    answers: { 200: priceFields, 201: priceFields },
    handle: (call) => putOwnPrice(call, 'override', call.path.override_id, call.body),
  }),
]

type Writing = Pick<Call<unknown, unknown, unknown>, 'client' | 'tenantId' | 'now'>

/**
 * Writes what a tenant says of a price, unless it was said already.
 * @throws AforoError `conflict` where the id is about something else
 */
export async function putOwnPrice(
  { client, tenantId, now }: Writing,
  book: OwnBook,
  id: string,
  body: OwnPriceBody,
): Promise<Answer> {
  const wanted = ownPriceOf(body)
  await lockName(client, [book, tenantId, id])
  const last = await readOwnPrice(client, tenantId, book, id)
  if (last && !isOfSamePrice(last, wanted)) {
    throw new AforoError('conflict', `${book} ${id} is about ${last.meter} of ${last.model}; use another id`)
  }
  if (last && saysTheSame(last, wanted)) return { status: 200, body: showPrice(listed(last)) }
  const isFirst = !last && !(await isPricedAtAll(client, tenantId, wanted))
  const effectiveFrom = wanted.effectiveFrom ?? (isFirst ? FROM_EVER : now.toISOString())
  refuseEndBefore(effectiveFrom, wanted.effectiveTo)
  const row = await addOwnPrice(client, tenantId, book, id, { ...wanted, effectiveFrom }, now)
  await completeEvents(client, tenantId, { kind: 'price', provider: row.provider, model: row.model }, now)
  return { status: 201, body: showPrice(listed(row)) }
}

/** @throws AforoError `invalid_argument` where something would end before it begins */
export function refuseEndBefore(from: string, to: string | null): void {
  if (to === null || Date.parse(to) > Date.parse(from)) return
  const message = `must be after ${from}, when it begins`
  const faults = [{ path: '/effective_to', message }]
  throw new AforoError('invalid_argument', `/effective_to ${message}`, { faults })
}

function ownPriceOf(body: OwnPriceBody): OwnPrice {
  const meter: CostMeter = body.meter ?? 'tool_call'
  const otherwise = TOKEN_METERS.has(meter) ? 'token' : meter === 'tool_second' ? 'second' : 'call'
  return {
    provider: body.tool === undefined ? (body.provider ?? '') : 'tool',
    model: body.tool ?? body.model!,
    meter,
    serviceTier: body.service_tier,
    region: body.region?.trim().toLowerCase() ?? '',
    contextFrom: String(BigInt(body.context_from)),
    contextInclusive: body.context_inclusive,
    schedule: body.schedule ?? null,
    unitPrice: body.unit_price,
    per: body.per,
    currency: body.currency,
    feeBasis: body.fee_basis ?? otherwise,
    minQuantity: body.min_quantity ?? null,
    roundingQuantity: body.rounding_quantity ?? null,
    effectiveFrom: body.effective_from ?? null,
    effectiveTo: body.effective_to ?? null,
  }
}

function isOfSamePrice(last: StoredPrice, wanted: OwnPrice): boolean {
  return (
    last.provider === wanted.provider &&
    last.model === wanted.model &&
    last.meter === wanted.meter &&
    last.serviceTier === wanted.serviceTier &&
    last.region === wanted.region &&
    String(last.contextFrom) === wanted.contextFrom &&
    last.contextInclusive === wanted.contextInclusive &&
    sameSchedule(last.schedule, wanted.schedule)
  )
}

function sameSchedule(a: OwnPrice['schedule'], b: OwnPrice['schedule']): boolean {
  const told = (schedule: OwnPrice['schedule']) =>
    schedule && [schedule.tz, ...schedule.weekdays, schedule.from, schedule.to].join(' ')
  return told(a) === told(b)
}

function saysTheSame(last: StoredPrice, wanted: OwnPrice): boolean {
  return (
    new Decimal(last.unitPrice).equals(wanted.unitPrice) &&
    String(last.per) === wanted.per &&
    last.currency === wanted.currency &&
    last.feeBasis === wanted.feeBasis &&
    sameNumber(last.minQuantity, wanted.minQuantity) &&
    sameNumber(last.roundingQuantity, wanted.roundingQuantity) &&
    (wanted.effectiveFrom === null || sameInstant(last.effectiveFrom, wanted.effectiveFrom)) &&
    (wanted.effectiveTo === null || sameInstant(last.effectiveTo, wanted.effectiveTo))
  )
}

function sameNumber(a: string | null, b: string | null): boolean {
  return a === null || b === null ? a === b : new Decimal(a).equals(b)
}

function sameInstant(a: string | null, b: string): boolean {
  return a !== null && Date.parse(a) === Date.parse(b)
}

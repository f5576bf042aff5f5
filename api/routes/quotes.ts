import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import { Decimal, decimalText } from '../../core/money.ts'
import { METERS, type Meter, type Plan } from '../../core/plan.ts'
import type { Quote, QuoteRequest } from '../../core/quote.ts'
import { decimal, name, ownId } from '../fields.ts'
import { readCustomer } from '../queries/customers.ts'
import { readMeterTotals } from '../queries/meter-totals.ts'
import { readPlanAt } from '../queries/plans.ts'
import { readSubscription, type SubscriptionRow } from '../queries/subscriptions.ts'
import { type Call, ok, route } from '../route.ts'

const quantity = z
  .string()
  .regex(/^-?\d{1,15}(\.\d{1,18})?$/, 'must be a decimal string, at most 15 digits and 18 decimals')
const usage = z.strictObject(
  Object.fromEntries(METERS.map((meter) => [meter, quantity.optional()])) as Record<
    Meter,
    z.ZodOptional<typeof quantity>
  >,
)

const askedFields = z.strictObject({
  plan: z
    .union([ownId, z.looseObject({ meters: z.unknown() })], 'must be the id of a plan, or a plan')
    .optional()
    .describe('an id, or a plan as PUT takes it; may be left out for a customer who is on one'),
  usage: usage.describe('as an event tells of it: input includes cache, output includes reasoning'),
  customer: name.optional().describe('goes on from what the customer used in the period, on that plan'),
  of: z
    .strictObject({ model: name, provider: name, tool: name, agent: name, product: name })
    .partial()
    .default({})
    .describe('what the usage is of; a field that is left out passes every filter on it'),
})
type Asked = z.infer<typeof askedFields>

const amountOf = { amount: decimal }
const quoteFields = z.object({
  plan_id: z.string().nullable(),
  version: z.int().nullable(),
  customer: z.string().nullable(),
  period_start: z.iso.datetime().nullable(),
  currency: z.string(),
  price: decimal,
  invoice_total: decimal,
  credits: decimal.nullable(),
  lines: z.array(
    z.object({ meter: z.string(), meter_no: z.int(), from: decimal, quantity: decimal, ...amountOf }),
  ),
  adjustments: z.array(z.object({ kind: z.string(), meter: z.string().nullable(), ...amountOf })),
  uncharged: z.array(z.object({ meter: z.string(), quantity: decimal })),
})

export const quoteRoutes = [
  route({
    method: 'post',
    path: '/v1/quote',
    summary: 'What usage would cost, by what rates events. Nothing is written.',
    description:
      '`price` is by how much the period gets dearer: `lines`, what events with that usage are charged, and ' +
      '`adjustments`, what is due at its end (minimum, maximum, commitment, capacity, fees without usage). Without a customer ' +
      'who is on the plan the usage is the whole period’s.',
    pathFields: z.object({}),
    queryFields: z.strictObject({}),
    bodyFields: askedFields,
    answers: { 200: quoteFields },
    role: 'read',
    async handle(call) {
      const { body, quote } = call
      const subscription = await subscriptionOf(call)
      const { planId, version, plan } = await planOf(call, subscription)
      const counted =
        subscription && version !== null && subscription.planId === planId
          ? {
              subscriptionId: subscription.subscriptionId,
              planId,
              version,
              start: periodStart(call, subscription),
            }
          : null
      const before = counted && (await readMeterTotals(call.client, call.tenantId, counted))
      return ok({
        plan_id: planId,
        version,
        customer: body.customer ?? null,
        period_start: counted && new Date(counted.start).toISOString(),
        currency: plan.currency,
        ...show(plan, quote({ plan, usage: quantities(body.usage), of: body.of, before })),
      } satisfies z.infer<typeof quoteFields>)
    },
  }),
]

type QuoteCall = Call<unknown, unknown, Asked>

async function subscriptionOf({ client, tenantId, body, now }: QuoteCall): Promise<SubscriptionRow | null> {
  const { customer } = body
  if (customer === undefined) return null
  if (!(await readCustomer(client, tenantId, customer))) {
    throw new AforoError('not_found', `there is no customer ${customer}`)
  }
  return (await readSubscription(client, tenantId, customer, now.toISOString())) ?? null
}

interface FoundPlan {
  readonly planId: string | null
  readonly version: number | null
  readonly plan: Plan
}

async function planOf(call: QuoteCall, subscription: SubscriptionRow | null): Promise<FoundPlan> {
  const { client, tenantId, body, now, parsePlan } = call
  if (typeof body.plan === 'object')
    return { planId: null, version: null, plan: inline(parsePlan, body.plan) }
  const planId = body.plan ?? subscription?.planId
  if (planId === undefined) {
    const message = 'must be given, or a customer who is on a plan'
    throw new AforoError('invalid_argument', `/plan ${message}`, { faults: [{ path: '/plan', message }] })
  }
  const row = await readPlanAt(client, tenantId, planId, now.toISOString())
  if (!row) throw new AforoError('not_found', `there is no plan ${planId}`)
  return { planId, version: row.version, plan: row.body }
}

/** Faults are told by where they are in the request. */
function inline(parsePlan: QuoteCall['parsePlan'], written: object): Plan {
  try {
    return parsePlan(written)
  } catch (error) {
    if (!(error instanceof AforoError)) throw error
    const faults = error.faults.map(({ path, message }) => ({
      path: `/plan${path === '/' ? '' : path}`,
      message,
    }))
    throw new AforoError(error.code, error.message, { faults, cause: error })
  }
}

function periodStart({ periodOf, now }: QuoteCall, { timezone, anchorDay }: SubscriptionRow): number {
  return periodOf(now.getTime(), timezone, anchorDay).start
}

function quantities(usage: Asked['usage']): QuoteRequest['usage'] {
  return Object.fromEntries(
    Object.entries(usage).flatMap(([meter, text]) =>
      text === undefined ? [] : [[meter, new Decimal(text)]],
    ),
  )
}

function show(plan: Plan, { price, invoiced, credits, lines, adjustments, uncharged }: Quote) {
  return {
    price: decimalText(price),
    invoice_total: decimalText(invoiced),
    credits: credits && decimalText(credits),
    lines: lines.map((line) => ({
      meter: line.meter,
      meter_no: line.meterNo,
      from: decimalText(line.from),
      quantity: decimalText(line.quantity),
      amount: decimalText(line.amount),
    })),
    adjustments: adjustments.map(({ kind, meterNo, amount }) => ({
      kind,
      meter: meterNo === null ? null : plan.meters[meterNo]!.meter,
      amount: decimalText(amount),
    })),
    uncharged: uncharged.map(({ meter, quantity }) => ({ meter, quantity: decimalText(quantity) })),
  }
}

import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import { trimNumeric } from '../../core/money.ts'
import { completeEvents } from '../../schema/completion.ts'
import { decodeCursor, pageOf } from '../cursor.ts'
import { decimal, instant, lines, listOf, name, ownId, page } from '../fields.ts'
import { rfc3339OfDatabase } from '../instant.ts'
import {
  type CustomerDetails,
  type CustomerRow,
  listCustomers,
  putCustomer,
  readCustomer,
} from '../queries/customers.ts'
import { readPlanVersion } from '../queries/plans.ts'
import { addSubscription, readSubscription, type SubscriptionRow } from '../queries/subscriptions.ts'
import { ok, route } from '../route.ts'

const customerFields = z.object({
  customer_id: z.string(),
  name: z.string().nullable(),
  address: z.string().nullable(),
  tax_id: z.string().nullable(),
  tax_rate_pct: decimal.nullable(),
  tax_label: z.string().nullable(),
  recorded_at: z.iso.datetime(),
})

const percent = z
  .string()
  .regex(
    /^(100(\.0{1,6})?|\d{1,2}(\.\d{1,6})?)$/,
    'must be a decimal string from 0 to 100, at most 6 decimals',
  )

const subscriptionFields = z.object({
  subscription_id: z.string(),
  customer: z.string(),
  plan: z.string(),
  from: z.iso.datetime(),
  timezone: z.string(),
  anchor_day: z.int(),
  recorded_at: z.iso.datetime(),
})

const timezone = z
  .string()
  .max(64)
  .refine(isTimezone, 'must be a time zone of the IANA database: Europe/Madrid')

const customerPath = z.object({ customer_id: name })

export const customerRoutes = [
  route({
    method: 'get',
    path: '/v1/customers',
    summary: 'Customers, by id.',
    pathFields: z.object({}),
    queryFields: z.strictObject(page),
    answers: { 200: listOf(customerFields) },
    async handle({ client, tenantId, query }) {
      const after = decodeCursor(query.cursor, ['string'])
      const rows = await listCustomers(client, tenantId, {
        after: after && String(after[0]),
        rows: query.limit + 1,
      })
      return ok(pageOf(rows, query.limit, (row) => [row.customerId], showCustomer))
    },
  }),
  route({
    method: 'get',
    path: '/v1/customers/{customer_id}',
    summary: 'A customer.',
    pathFields: customerPath,
    queryFields: z.strictObject({}),
    answers: { 200: customerFields },
    async handle({ client, tenantId, path }) {
      const row = await readCustomer(client, tenantId, path.customer_id)
      if (!row) throw unknownCustomer(path.customer_id)
      return ok(showCustomer(row))
    },
  }),
  route({
    method: 'put',
    path: '/v1/customers/{customer_id}',
    summary: 'Makes a customer, or names it anew. Usage that came before is attributed to it.',
    description: 'A field that is left out stays as it is, null takes it away.',
    pathFields: customerPath,
    queryFields: z.strictObject({}),
    bodyFields: z.strictObject({
      name: name.nullish(),
      address: lines.nullish(),
      tax_id: name.nullish(),
      tax_rate_pct: percent.nullish().describe('of the taxable sum of an invoice, as of its finalisation'),
      tax_label: name.nullish().describe('what the tax is called: VAT'),
    }),
    answers: { 200: customerFields, 201: customerFields },
    async handle({ client, tenantId, path, body, now }) {
      const { row, isNew } = await putCustomer(client, tenantId, path.customer_id, detailsOf(body), now)
      if (isNew)
        await completeEvents(client, tenantId, { kind: 'customer', customerId: path.customer_id }, now)
      return { status: isNew ? 201 : 200, body: showCustomer(row) }
    },
  }),
  route({
    method: 'get',
    path: '/v1/customers/{customer_id}/subscription',
    summary: 'The plan a customer is on, now or at an instant.',
    pathFields: customerPath,
    queryFields: z.strictObject({ at: instant.optional() }),
    answers: { 200: subscriptionFields },
    async handle({ client, tenantId, path, query, now }) {
      const at = query.at ?? now.toISOString()
      const row = await readSubscription(client, tenantId, path.customer_id, at)
      if (!row) throw new AforoError('not_found', `customer ${path.customer_id} is on no plan at ${at}`)
      return ok(showSubscription(row))
    },
  }),
  route({
    method: 'put',
    path: '/v1/customers/{customer_id}/subscription',
    summary: 'Puts a customer on a plan from an instant on.',
    description:
      'A subscription is never changed: one that differs from the one in force at `from` is added and takes over at ' +
      'that instant. Usage that waited for a plan is priced; usage that was priced keeps its price.',
    pathFields: customerPath,
    queryFields: z.strictObject({}),
    bodyFields: z.strictObject({
      plan: ownId,
      from: instant,
      timezone: timezone
        .optional()
        .describe(
          'whose calendar the billing period follows; absent: as before, of a first subscription UTC',
        ),
      anchor_day: z
        .int()
        .min(1)
        .max(31)
        .optional()
        .describe('day of the month on which the billing period begins; absent: as before, at first the 1st'),
    }),
    answers: { 200: subscriptionFields, 201: subscriptionFields },
    async handle({ client, tenantId, path, body, now }) {
      const customerId = path.customer_id
      if (!(await readCustomer(client, tenantId, customerId))) throw unknownCustomer(customerId)
      if (!(await readPlanVersion(client, tenantId, body.plan, undefined))) {
        throw new AforoError('not_found', `there is no plan ${body.plan}`)
      }
      const { row, isNew } = await addSubscription(client, tenantId, customerId, body, now)
      await completeEvents(client, tenantId, { kind: 'customer', customerId, from: body.from }, now)
      return { status: isNew ? 201 : 200, body: showSubscription(row) }
    },
  }),
]

function unknownCustomer(customerId: string): AforoError {
  return new AforoError('not_found', `there is no customer ${customerId}`)
}

function showCustomer(row: CustomerRow): z.infer<typeof customerFields> {
  return {
    customer_id: row.customerId,
    name: row.name,
    address: row.address,
    tax_id: row.taxId,
    tax_rate_pct: row.taxRatePct && trimNumeric(row.taxRatePct),
    tax_label: row.taxLabel,
    recorded_at: rfc3339OfDatabase(row.recordedAt),
  }
}

function detailsOf({ tax_id: taxId, tax_rate_pct: taxRatePct, tax_label: taxLabel, ...same }: CustomerBody) {
  return { ...same, taxId, taxRatePct, taxLabel } satisfies CustomerDetails
}

type CustomerBody = {
  readonly [Field in 'name' | 'address' | 'tax_id' | 'tax_rate_pct' | 'tax_label']?: string | null | undefined
}

function showSubscription(row: SubscriptionRow): z.infer<typeof subscriptionFields> {
  return {
    subscription_id: String(row.subscriptionId),
    customer: row.customerId,
    plan: row.planId,
    from: rfc3339OfDatabase(row.effectiveFrom),
    timezone: row.timezone,
    anchor_day: row.anchorDay,
    recorded_at: rfc3339OfDatabase(row.recordedAt),
  }
}

function isTimezone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import type { ReconciledBill } from '../../core/vendor-bills.ts'
import { decimal, decimalUpTo, instant, listOf, name, PRICE_MAX } from '../fields.ts'
import { ok, route } from '../route.ts'

const time = z.iso.datetime()

const billFields = z.object({
  bill_id: z.string(),
  provider: z.string(),
  model: z.string().nullable().describe('a glob over models; null: everything'),
  from: time,
  to: time,
  usd: decimal.describe('what the provider charged'),
  source: z.string(),
  recorded_at: time,
  cogs: decimal.describe('our COGS of the same, as far as they are known'),
  unpriced_calls: z.int(),
  difference: decimal.describe('COGS less what was charged'),
  difference_pct: decimal.nullable().describe('of what was charged'),
  agrees: z.boolean().describe('whether they differ by no more than half a percent, or a cent'),
})

export const vendorBillRoutes = [
  route({
    method: 'get',
    path: '/v1/vendor-bills',
    summary: 'What providers charged, by their own word, beside our COGS.',
    description:
      'Of one provider, model and time the bill that was stated last. By time and provider, at most 1,000; `from` and `to` ' +
      'narrow it to bills whose time overlaps.',
    pathFields: z.object({}),
    queryFields: z.strictObject({
      provider: name.optional(),
      from: instant.optional(),
      to: instant.optional(),
    }),
    answers: { 200: listOf(billFields) },
    async handle({ client, tenantId, query, prices }) {
      const bills = await prices.bills(client, tenantId, query)
      return ok({ data: bills.map(showBill), next_cursor: null })
    },
  }),
  route({
    method: 'post',
    path: '/v1/vendor-bills',
    summary: 'States what a provider charged for some time, and compares it with our COGS.',
    description:
      'No cost changes by it. The provider is named as spans name it, or as the price book does. Stated again with another ' +
      'amount, it takes the place of the one before.',
    pathFields: z.object({}),
    queryFields: z.strictObject({}),
    bodyFields: z.strictObject({
      provider: name,
      model: name.optional().describe('a glob over models; absent: everything'),
      from: instant.describe('included'),
      to: instant.describe('not included'),
      usd: decimalUpTo(PRICE_MAX),
      source: name.default('api').describe('where it says so: the number of an invoice'),
    }),
    answers: { 200: billFields },
    async handle({ client, tenantId, body, now, prices }) {
      const { model = null, ...bill } = body
      if (Date.parse(body.from) >= Date.parse(body.to)) {
        const faults = [{ path: '/to', message: 'must be after from' }]
        throw new AforoError('invalid_argument', '/to must be after from', { faults })
      }
      return ok(showBill(await prices.bill(client, tenantId, { ...bill, model }, now)))
    },
  }),
]

function showBill(bill: ReconciledBill): z.infer<typeof billFields> {
  const { bill_id, provider, model, from, to, usd, source, recorded_at, ...told } = bill
  const { cogs, unpriced_calls, difference, difference_pct, agrees } = told
  const compared = { cogs, unpriced_calls, difference, difference_pct, agrees }
  return { bill_id, provider, model, from, to, usd, source, recorded_at, ...compared }
}

import type pg from 'pg'
import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import { Decimal, trimNumeric } from '../../core/money.ts'
import { lockWallets } from '../../schema/ledger/lock.ts'
import { requestTopUps, TOP_UP_REQUESTS_MAX } from '../../schema/ledger/top-up.ts'
import { decimal, name, price } from '../fields.ts'
import { rfc3339OfDatabase } from '../instant.ts'
import { deleteTopUp, putTopUp, readTopUp, readTopUpRequests, type TopUpRow } from '../queries/top-up.ts'
import { ok, route } from '../route.ts'
import { knownCustomer } from './credits.ts'

const REQUESTS = 5
const DAY_SECONDS = 86_400
const HOUR_SECONDS = 3_600
const SECONDS_MAX = 366 * DAY_SECONDS
const REQUESTS_SHOWN_MAX = 20

const time = z.iso.datetime()

const ruleFields = z.object({
  customer: z.string(),
  threshold: decimal,
  amount: decimal,
  requests_max: z.int(),
  window_seconds: z.int(),
  cooldown_seconds: z.int(),
  recorded_at: time,
  requests: z
    .array(
      z.object({
        request_id: z.string(),
        balance: decimal,
        threshold: decimal,
        amount: decimal,
        recorded_at: time,
      }),
    )
    .describe(`the latest ${REQUESTS_SHOWN_MAX}`),
})

const customerPath = z.object({ customer_id: name })
const PATH = '/v1/customers/{customer_id}/top-up'

export const topUpRoutes = [
  route({
    method: 'get',
    path: PATH,
    summary: 'When credits are asked for, and what was asked for.',
    pathFields: customerPath,
    queryFields: z.strictObject({}),
    answers: { 200: ruleFields },
    async handle({ client, tenantId, path }) {
      return ok(await show(client, tenantId, path.customer_id))
    },
  }),
  route({
    method: 'put',
    path: PATH,
    summary:
      'Asks for credits by webhook (credits.top_up_requested) when the balance falls below a threshold.',
    description:
      'Aforo charges nobody: who is told buys credits and answers by POST …/grants, with the request_id as ' +
      'Idempotency-Key. After a request nothing is asked for cooldown_seconds, and within window_seconds no more than ' +
      'requests_max times, so that a message told twice or answered late buys nothing twice.',
    pathFields: customerPath,
    queryFields: z.strictObject({}),
    bodyFields: z.strictObject({
      threshold: price,
      amount: price.refine((text) => /[1-9]/.test(text), 'must be greater than 0'),
      requests_max: z.int().min(1).max(TOP_UP_REQUESTS_MAX).default(REQUESTS),
      window_seconds: z.int().min(1).max(SECONDS_MAX).default(DAY_SECONDS),
      cooldown_seconds: z.int().min(0).max(SECONDS_MAX).default(HOUR_SECONDS),
    }),
    answers: { 200: ruleFields },
    async handle({ client, tenantId, path, body, now }) {
      const customerId = await knownCustomer(client, tenantId, path.customer_id)
      const key = { tenantId, customerId }
      // A debit at the same time waits for the rule, or the rule for the debit.
      const wallet = (await lockWallets(client, [key]))(key)
      const rule = {
        threshold: body.threshold,
        amount: body.amount,
        requestsMax: body.requests_max,
        windowSeconds: body.window_seconds,
        cooldownSeconds: body.cooldown_seconds,
      }
      const known = await readTopUp(client, tenantId, customerId)
      if (known && saysTheSame(known, rule)) return ok(await show(client, tenantId, customerId))
      await putTopUp(client, tenantId, customerId, rule, now)
      await requestTopUps(client, [wallet], now.getTime() * 1000)
      return ok(await show(client, tenantId, customerId))
    },
  }),
  route({
    method: 'delete',
    path: PATH,
    summary: 'Asks for no more credits. What was asked for stays on record.',
    pathFields: customerPath,
    queryFields: z.strictObject({}),
    answers: { 200: ruleFields.describe('as it was') },
    async handle({ client, tenantId, path }) {
      const before = await show(client, tenantId, path.customer_id)
      await deleteTopUp(client, tenantId, path.customer_id)
      return ok(before)
    },
  }),
]

function saysTheSame(known: TopUpRow, rule: Omit<TopUpRow, 'recordedAt'>): boolean {
  return (
    new Decimal(known.threshold).equals(rule.threshold) &&
    new Decimal(known.amount).equals(rule.amount) &&
    known.requestsMax === rule.requestsMax &&
    known.windowSeconds === rule.windowSeconds &&
    known.cooldownSeconds === rule.cooldownSeconds
  )
}

async function show(
  client: pg.PoolClient,
  tenantId: TenantId,
  customerId: string,
): Promise<z.infer<typeof ruleFields>> {
  await knownCustomer(client, tenantId, customerId)
  const row: TopUpRow | undefined = await readTopUp(client, tenantId, customerId)
  if (!row) throw new AforoError('not_found', `nothing is asked for customer ${customerId}`)
  const requests = await readTopUpRequests(client, tenantId, customerId, REQUESTS_SHOWN_MAX)
  return {
    customer: customerId,
    threshold: trimNumeric(row.threshold),
    amount: trimNumeric(row.amount),
    requests_max: row.requestsMax,
    window_seconds: row.windowSeconds,
    cooldown_seconds: row.cooldownSeconds,
    recorded_at: rfc3339OfDatabase(row.recordedAt),
    requests: requests.map((request) => ({
      request_id: request.requestId,
      balance: trimNumeric(request.balance),
      threshold: trimNumeric(request.threshold),
      amount: trimNumeric(request.amount),
      recorded_at: rfc3339OfDatabase(request.recordedAt),
    })),
  }
}

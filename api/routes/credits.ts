import type pg from 'pg'
import { z } from 'zod'
import { GRANT_KINDS, GRANT_PRIORITY_DEFAULT, GRANT_PRIORITY_MAX } from '../../core/credits.ts'
import { AforoError } from '../../core/errors.ts'
import { Decimal, decimalText, trimNumeric } from '../../core/money.ts'
import { recordGrant } from '../../schema/ledger/grant.ts'
import { voidGrant } from '../../schema/ledger/void.ts'
import { decodeCursor, pageOf } from '../cursor.ts'
import { decimal, instant, listOf, name, page } from '../fields.ts'
import { rfc3339OfDatabase } from '../instant.ts'
import {
  type EntryRow,
  type GrantRow,
  readCreditSums,
  readEntries,
  readGrantsAt,
} from '../queries/credits.ts'
import { readCustomer } from '../queries/customers.ts'
import { ok, route } from '../route.ts'

const time = z.iso.datetime()

const grantFields = z.object({
  grant_id: z.string(),
  kind: z.enum(GRANT_KINDS),
  amount: decimal,
  remaining: decimal,
  priority: z.int(),
  effective_at: time.nullable(),
  expires_at: time.nullable(),
  recorded_at: time,
})

const balanceFields = z.object({
  customer: z.string(),
  at: time,
  balance: decimal.describe('credits that pay for usage of this instant'),
  upcoming: decimal.describe('credits of grants that become effective later'),
  granted: decimal,
  used: decimal.describe('by grants and as overage'),
  expired: decimal,
  overage: decimal.describe('credits used beyond the grants, owed in money'),
  grants: z.array(grantFields).describe('with credits left, in the order in which they burn'),
})

const KINDS = [
  'grant',
  'debit',
  'overage',
  'correction',
  'expiry',
  'rollover',
  'void',
  'overage_paid',
] as const

const entryFields = z.object({
  entry_id: z.string(),
  entry_no: z.int(),
  transaction_no: z.int().describe('number of its first entry'),
  kind: z.enum(KINDS),
  amount: decimal.describe('on its way from source to destination'),
  change: decimal.describe('by how much the balance moved'),
  balance: decimal.describe('of all grants after it'),
  source: z.string(),
  destination: z.string(),
  grant_id: z.string().nullable(),
  reverses: z.string().nullable().describe('the entry that it takes back, in whole or part'),
  event_id: z.string().nullable(),
  revision: z.int().nullable(),
  trace_id: z.string().nullable(),
  span_ids: z.array(z.string()),
  effective_at: time,
  recorded_at: time,
})

const customerPath = z.object({ customer_id: name })

const amount = z
  .string()
  .regex(/^\d{1,15}(\.\d{1,15})?$/, 'must be a decimal string, at most 15 digits and 15 decimals')
  .refine((text) => /[1-9]/.test(text), 'must be greater than 0')

export const creditRoutes = [
  route({
    method: 'post',
    path: '/v1/customers/{customer_id}/grants',
    summary: 'Grants credits to a customer.',
    description:
      'Every request is a grant of its own: send an Idempotency-Key, so that a repeated one is not. A grant is never ' +
      'changed. It does not pay for overage that was booked before it.',
    pathFields: customerPath,
    queryFields: z.strictObject({}),
    bodyFields: z.strictObject({
      amount,
      kind: z.enum(GRANT_KINDS, 'must be paid or promo'),
      priority: z
        .int()
        .min(0)
        .max(GRANT_PRIORITY_MAX)
        .default(GRANT_PRIORITY_DEFAULT)
        .describe('lower burns first'),
      effective_at: instant
        .nullish()
        .describe('the first usage it pays for; without it, usage of any time that is rated after the grant'),
      expires_at: instant
        .nullish()
        .describe('the first usage it does not pay for; without it, it does not expire'),
    }),
    answers: { 201: grantFields },
    async handle({ client, tenantId, path, body, now }) {
      const { effective_at: effectiveAt = null, expires_at: expiresAt = null, ...said } = body
      refuseDeadGrant(effectiveAt, expiresAt, now)
      const customerId = await knownCustomer(client, tenantId, path.customer_id)
      const grantId = await recordGrant(
        client,
        { tenantId, customerId },
        { ...said, effectiveAt, expiresAt },
        now,
      )
      return {
        status: 201,
        body: {
          grant_id: grantId,
          kind: said.kind,
          amount: decimalText(new Decimal(said.amount)),
          remaining: decimalText(new Decimal(said.amount)),
          priority: said.priority,
          effective_at: effectiveAt && new Date(effectiveAt).toISOString(),
          expires_at: expiresAt && new Date(expiresAt).toISOString(),
          recorded_at: now.toISOString(),
        } satisfies z.infer<typeof grantFields>,
      }
    },
  }),
  route({
    method: 'post',
    path: '/v1/customers/{customer_id}/grants/{grant_id}/void',
    summary: 'Takes back what is left of a grant. What was debited from it stays.',
    description: 'From then on it pays for nothing; what a correction gives back to it is taken back too.',
    pathFields: customerPath.extend({ grant_id: z.string().regex(/^[1-9]\d{0,18}$/, 'is no grant id') }),
    queryFields: z.strictObject({}),
    bodyFields: z.strictObject({}),
    answers: { 200: z.object({ grant_id: z.string(), voided: decimal.describe('credits that went back') }) },
    async handle({ client, tenantId, path, now }) {
      const customerId = await knownCustomer(client, tenantId, path.customer_id)
      const voided = await voidGrant(client, { tenantId, customerId }, path.grant_id, now)
      return ok({ grant_id: path.grant_id, voided: decimalText(voided) })
    },
  }),
  route({
    method: 'get',
    path: '/v1/customers/{customer_id}/balance',
    summary: 'The credits of a customer, now or at an instant.',
    description: 'At an instant that is past: by what was recorded until then.',
    pathFields: customerPath,
    queryFields: z.strictObject({ at: instant.optional() }),
    answers: { 200: balanceFields },
    async handle({ client, tenantId, path, query, now }) {
      const at = query.at ?? now.toISOString()
      // The ledger's clock may be ahead of ours by what processes differ: now is all there is.
      const knownAt = query.at ?? 'infinity'
      const customer = await knownCustomer(client, tenantId, path.customer_id)
      const grants = await readGrantsAt(client, tenantId, customer, at, knownAt)
      const sums = await readCreditSums(client, tenantId, customer, at, knownAt)
      return ok({
        customer,
        at: new Date(at).toISOString(),
        balance: remainingOf(grants.filter(({ usable }) => usable)),
        upcoming: remainingOf(grants.filter(({ usable }) => !usable)),
        granted: trimNumeric(sums.issued),
        used: trimNumeric(sums.used),
        expired: trimNumeric(sums.expired),
        overage: trimNumeric(sums.overage),
        grants: grants.map(showGrant),
      } satisfies z.infer<typeof balanceFields>)
    },
  }),
  route({
    method: 'get',
    path: '/v1/customers/{customer_id}/ledger',
    summary: 'What happened to a customer’s credits, newest first, each entry with the balance after it.',
    pathFields: customerPath,
    queryFields: z.strictObject(page),
    answers: { 200: listOf(entryFields) },
    async handle({ client, tenantId, path, query }) {
      const before = decodeCursor(query.cursor, ['number'])
      const customer = await knownCustomer(client, tenantId, path.customer_id)
      const rows = await readEntries(client, tenantId, customer, {
        before: before && Number(before[0]),
        rows: query.limit + 1,
      })
      return ok(pageOf(rows, query.limit, (row) => [Number(row.entryNo)], showEntry))
    },
  }),
]

/** @throws AforoError `not_found` where there is no such customer */
export async function knownCustomer(
  client: pg.PoolClient,
  tenantId: string,
  customerId: string,
): Promise<string> {
  if (await readCustomer(client, tenantId, customerId)) return customerId
  throw new AforoError('not_found', `there is no customer ${customerId}`)
}

function refuseDeadGrant(effectiveAt: string | null, expiresAt: string | null, now: Date): void {
  if (expiresAt === null) return
  const fault = (message: string) =>
    new AforoError('invalid_argument', `expires_at ${message}`, {
      faults: [{ path: '/expires_at', message }],
    })
  const expires = Date.parse(expiresAt)
  if (expires <= now.getTime()) throw fault('must be in the future')
  if (effectiveAt !== null && expires <= Date.parse(effectiveAt)) throw fault('must be after effective_at')
}

function remainingOf(grants: readonly GrantRow[]): string {
  return decimalText(grants.reduce((sum, { remaining }) => sum.plus(remaining), new Decimal(0)))
}

function showGrant(row: GrantRow): z.infer<typeof grantFields> {
  return {
    grant_id: row.grantId,
    kind: row.kind,
    amount: trimNumeric(row.amount),
    remaining: trimNumeric(row.remaining),
    priority: row.priority,
    effective_at: row.effectiveAt && rfc3339OfDatabase(row.effectiveAt),
    expires_at: row.expiresAt && rfc3339OfDatabase(row.expiresAt),
    recorded_at: rfc3339OfDatabase(row.recordedAt),
  }
}

function showEntry(row: EntryRow): z.infer<typeof entryFields> {
  const { source, destination } = row
  const gives = source.startsWith('grant:')
  const gets = destination.startsWith('grant:')
  const size = trimNumeric(row.amount)
  return {
    entry_id: row.entryId,
    entry_no: Number(row.entryNo),
    transaction_no: Number(row.transactionNo),
    kind: kindOf(source, destination),
    amount: size,
    change: gets === gives ? '0' : gets ? size : `-${size}`,
    balance: trimNumeric(row.balance),
    source,
    destination,
    grant_id: `${source} ${destination}`.match(/(?:grant|breakage):(\d+)/)?.[1] ?? null,
    reverses: row.reverses,
    event_id: row.eventId,
    revision: row.revision,
    trace_id: row.traceId,
    span_ids: [...(row.spanIds ?? [])],
    effective_at: rfc3339OfDatabase(row.effectiveAt),
    recorded_at: rfc3339OfDatabase(row.recordedAt),
  }
}

/** As the view `credit_ledger` has it. */
function kindOf(source: string, destination: string): (typeof KINDS)[number] {
  if (source === 'issued') return 'grant'
  if (destination === 'issued') return 'void'
  if (source === 'usage') return 'correction'
  if (source === 'overage') return 'overage'
  if (destination === 'usage') return 'debit'
  if (destination === 'overage') return 'overage_paid'
  return destination.startsWith('grant:') ? 'rollover' : 'expiry'
}

import type pg from 'pg'
import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import { EXCEPTION_KINDS, type TokenBuckets } from '../../core/usage.ts'
import { completeEvents } from '../../schema/completion.ts'
import { decodeCursor, pageOf } from '../cursor.ts'
import { exceptionId, listOf, name, page } from '../fields.ts'
import { rfc3339OfDatabase } from '../instant.ts'
import { readCustomer } from '../queries/customers.ts'
import {
  closeException,
  EXCEPTION_KEY,
  type ExceptionRow,
  exceptionKey,
  isNamedByTrace,
  listExceptions,
  lockException,
  nameCustomer,
  stateUsage,
  tracesOf,
} from '../queries/exceptions.ts'
import { ok, route } from '../route.ts'

/** More no provider counts for one call. */
const TOKENS_MAX = 1_000_000_000

const exceptionFields = z.object({
  exception_id: z.string(),
  kind: z.string(),
  event_id: z.string(),
  trace_id: z.string(),
  span_id: z.string().nullable(),
  provider: z.string().nullable(),
  model: z.string().nullable(),
  customer: z.string().nullable(),
  reason: z.string(),
  recorded_at: z.iso.datetime(),
  resolved_at: z.iso.datetime().nullable(),
  resolution: z.string().nullable(),
})

const note = z
  .string()
  .min(1)
  .max(2000)
  .regex(/^[^\0]*$/, 'must not hold NUL')

/** A whole number, as JSON's or, as quantities are answered, as text. */
const tokens = z
  .union(
    [
      z.int(),
      z
        .string()
        .regex(/^\d{1,10}$/)
        .transform(Number),
    ],
    {
      error: 'must be a whole number, as such or as text',
    },
  )
  .pipe(z.int().min(0).max(TOKENS_MAX))

const statedUsage = z
  .strictObject({
    input_tokens: tokens.describe('cache reads and writes included'),
    output_tokens: tokens.describe('reasoning included'),
    cache_read_tokens: tokens.default(0),
    cache_write_tokens: tokens.default(0).describe('those that live an hour included'),
    cache_write_1h_tokens: tokens.default(0),
    reasoning_tokens: tokens.default(0),
  })
  .refine(
    (usage) => usage.cache_read_tokens + usage.cache_write_tokens <= usage.input_tokens,
    'cache reads and writes are part of the input tokens',
  )
  .refine(
    (usage) => usage.cache_write_1h_tokens <= usage.cache_write_tokens,
    'cache writes of an hour are part of the cache writes',
  )
  .refine((usage) => usage.reasoning_tokens <= usage.output_tokens, 'reasoning is part of the output tokens')

export const exceptionRoutes = [
  route({
    method: 'get',
    path: '/v1/exceptions',
    summary: 'What could not be billed yet, the last recorded first.',
    pathFields: z.object({}),
    queryFields: z.strictObject({
      kind: z.enum(EXCEPTION_KINDS).optional(),
      resolved: z.enum(['true', 'false', 'all']).default('false'),
      ...page,
    }),
    answers: { 200: listOf(exceptionFields) },
    async handle({ client, tenantId, query }) {
      const after = decodeCursor(query.cursor, EXCEPTION_KEY)
      const rows = await listExceptions(client, tenantId, query, { after, rows: query.limit + 1 })
      return ok(pageOf(rows, query.limit, exceptionKey, showException))
    },
  }),
  route({
    method: 'post',
    path: '/v1/exceptions/{exception_id}/resolve',
    summary: 'Names a customer, states usage, or closes an exception with a note.',
    description:
      'With the `customer` of an unattributed event, or the `usage` of an unmetered call, the event is cut and priced ' +
      'again; the exception is resolved by that, once the customer is on a plan. With a note alone it is closed at ' +
      'once and nothing is billed.',
    pathFields: z.object({ exception_id: exceptionId }),
    queryFields: z.strictObject({}),
    bodyFields: z
      .strictObject({ customer: name.optional(), usage: statedUsage.optional(), note: note.optional() })
      .refine((body) => Object.values(body).some(isGiven), 'needs a customer, usage or a note')
      .refine(
        (body) => !isGiven(body.customer) || !isGiven(body.usage),
        'takes a customer or usage, not both',
      ),
    answers: { 200: exceptionFields },
    async handle({ client, tenantId, path, body, now }) {
      const row = await lockException(client, tenantId, path.exception_id)
      if (!row) throw new AforoError('not_found', `there is no exception ${path.exception_id}`)
      if (row.resolvedAt !== null) throw new AforoError('conflict', 'this exception is resolved already')
      const { customer, usage } = body
      if (isGiven(customer)) {
        await refuseCustomer(client, row, customer)
        const traceIds = await tracesOf(client, row)
        await nameCustomer(client, tenantId, traceIds, { customerId: customer, note: body.note }, now)
        await completeTraces(client, tenantId, traceIds, now)
      } else if (isGiven(usage)) {
        refuseUsage(row)
        await stateUsage(client, row, { buckets: bucketsOf(usage), note: body.note }, now)
        await completeTraces(client, tenantId, [row.traceId], now)
      } else {
        return ok(showException(await closeException(client, row, body.note!, now)))
      }
      return ok(showException(row))
    },
  }),
]

async function completeTraces(
  client: pg.PoolClient,
  tenantId: TenantId,
  traceIds: readonly Buffer[],
  now: Date,
): Promise<void> {
  for (const id of traceIds) {
    await completeEvents(client, tenantId, { kind: 'trace', traceId: id.toString('hex') }, now)
  }
}

function isGiven<T>(value: T | undefined): value is T {
  return value !== undefined
}

/** Throws where usage is not what the exception wants for. */
function refuseUsage(row: ExceptionRow): void {
  if (row.kind === 'unmetered' && row.spanId !== null) return
  throw new AforoError('invalid_argument', `usage does not resolve an exception of kind ${row.kind}`, {
    faults: [{ path: '/usage', message: 'is for exceptions of kind unmetered' }],
  })
}

function bucketsOf(usage: z.infer<typeof statedUsage>): TokenBuckets {
  const cached = usage.cache_read_tokens + usage.cache_write_tokens
  return {
    inputUncached: usage.input_tokens - cached,
    cacheRead: usage.cache_read_tokens,
    cacheWrite: usage.cache_write_tokens - usage.cache_write_1h_tokens,
    cacheWrite1h: usage.cache_write_1h_tokens,
    outputText: usage.output_tokens - usage.reasoning_tokens,
    outputReasoning: usage.reasoning_tokens,
  }
}

/** Throws where naming that customer could not complete the event. */
async function refuseCustomer(client: pg.PoolClient, row: ExceptionRow, customer: string): Promise<void> {
  if (row.kind !== 'unattributed') {
    throw new AforoError('invalid_argument', `a customer does not resolve an exception of kind ${row.kind}`, {
      faults: [{ path: '/customer', message: 'is for exceptions of kind unattributed' }],
    })
  }
  if (!(await readCustomer(client, row.tenantId, customer))) {
    throw new AforoError('not_found', `there is no customer ${customer}`)
  }
  if (row.customerId !== customer && (await isNamedByTrace(client, row))) {
    throw new AforoError(
      'conflict',
      `the trace itself names customer ${row.customerId}: put that one on a plan`,
    )
  }
}

function showException(row: ExceptionRow): z.infer<typeof exceptionFields> {
  return {
    exception_id: row.exceptionId,
    kind: row.kind,
    event_id: row.eventId,
    trace_id: row.traceId.toString('hex'),
    span_id: row.spanId?.toString('hex') ?? null,
    provider: row.provider,
    model: row.model,
    customer: row.customerId,
    reason: row.reason,
    recorded_at: rfc3339OfDatabase(row.recordedAt),
    resolved_at: row.resolvedAt && rfc3339OfDatabase(row.resolvedAt),
    resolution: row.resolution,
  }
}

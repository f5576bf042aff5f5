import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import { decodeCursor, pageOf } from '../cursor.ts'
import { listOf, ownId, page } from '../fields.ts'
import { rfc3339OfDatabase } from '../instant.ts'
import { type DeliveryRow, knownWebhook, readDeliveries, redeliver } from '../queries/webhooks.ts'
import { ok, route } from '../route.ts'

/** Dead deliveries that one request begins anew. */
export const REDELIVERED_MAX = 1_000

const time = z.iso.datetime()

const STATES = ['waiting', 'delivered', 'dead'] as const

const deliveryFields = z.object({
  message_id: z.string().describe('travels as webhook-id'),
  type: z.string(),
  data: z.unknown(),
  state: z.enum(STATES),
  attempts: z.int(),
  due_at: time.nullable().describe('of the next attempt'),
  last_status: z.int().nullable(),
  last_error: z.string().nullable(),
  recorded_at: time,
  ended_at: time.nullable(),
})

const webhookPath = z.object({ webhook_id: ownId })

export const webhookDeliveryRoutes = [
  route({
    method: 'get',
    path: '/v1/webhooks/{webhook_id}/deliveries',
    summary: 'What an endpoint was told or is to be told, newest first; state=dead is the dead-letter list.',
    pathFields: webhookPath,
    queryFields: z.strictObject({ state: z.enum(STATES).optional(), ...page }),
    answers: { 200: listOf(deliveryFields) },
    async handle({ client, tenantId, path, query }) {
      const before = decodeCursor(query.cursor, ['string', 'string']) as [string, string] | null
      await knownWebhook(client, tenantId, path.webhook_id)
      const rows = await readDeliveries(client, tenantId, path.webhook_id, {
        state: query.state ?? null,
        before,
        rows: query.limit + 1,
      })
      return ok(pageOf(rows, query.limit, (row) => [row.recordedAt, row.messageId], showDelivery))
    },
  }),
  route({
    method: 'post',
    path: '/v1/webhooks/{webhook_id}/redeliver',
    summary: 'Sends again: one message that was delivered or is dead, or all that are dead.',
    description: `Of the dead at most ${REDELIVERED_MAX} at a time, the oldest first. The message keeps its id.`,
    pathFields: webhookPath,
    queryFields: z.strictObject({}),
    bodyFields: z.strictObject({ message_id: z.string().min(1).max(200).optional() }),
    answers: { 202: z.object({ message_ids: z.array(z.string()) }) },
    async handle({ client, tenantId, path, body, now }) {
      await knownWebhook(client, tenantId, path.webhook_id)
      const what = { messageId: body.message_id ?? null, max: REDELIVERED_MAX }
      const ids = await redeliver(client, tenantId, path.webhook_id, what, now)
      if (body.message_id !== undefined && ids.length === 0) {
        throw new AforoError('not_found', `no delivery of ${body.message_id} to ${path.webhook_id} has ended`)
      }
      return { status: 202, body: { message_ids: [...ids].sort() } }
    },
  }),
]

function showDelivery(row: DeliveryRow): z.infer<typeof deliveryFields> {
  return {
    message_id: row.messageId,
    type: row.type,
    data: row.data,
    state: row.state,
    attempts: row.attempts,
    due_at: row.state === 'waiting' ? rfc3339OfDatabase(row.dueAt) : null,
    last_status: row.lastStatus,
    last_error: row.lastError,
    recorded_at: rfc3339OfDatabase(row.recordedAt),
    ended_at: row.endedAt && rfc3339OfDatabase(row.endedAt),
  }
}

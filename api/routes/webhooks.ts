import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import { z } from 'zod'
import { AforoError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import { MESSAGE_TYPES } from '../../core/messages.ts'
import { enqueueMessage } from '../../schema/webhooks/enqueue.ts'
import { ownId } from '../fields.ts'
import { rfc3339OfDatabase } from '../instant.ts'
import { lockName } from '../queries/lock.ts'
import {
  addSecret,
  deleteWebhook,
  knownWebhook,
  putWebhook,
  readSecrets,
  readWebhook,
  readWebhooks,
  type WebhookRow,
} from '../queries/webhooks.ts'
import { ok, route } from '../route.ts'

/** Endpoints of a tenant: each message is written once for each of them. */
export const WEBHOOKS_MAX = 50
/** Secrets of an endpoint that sign at once. */
export const SECRETS_MAX = 4

const OLD_SECRET_SECONDS = 86_400
const OLD_SECRET_SECONDS_MAX = 7 * 86_400

const time = z.iso.datetime()

const url = z
  .string()
  .max(2048)
  .refine(isTarget, 'must be an http or https URL without user, password and fragment')

/** 24 to 64 bytes, as Standard Webhooks has them. */
const secret = z
  .string()
  .regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/, 'must be whsec_ and 24 to 64 bytes in base64')
  .refine((text) => isSecret(text), 'must be whsec_ and 24 to 64 bytes in base64')

const webhookFields = z.object({
  webhook_id: z.string(),
  url: z.string(),
  events: z.array(z.string()).nullable().describe('types of messages it takes; null: all'),
  recorded_at: time,
})

const withSecret = webhookFields.extend({
  secret: z.string().optional().describe('shown in this answer and never again'),
})

const webhookPath = z.object({ webhook_id: ownId })

export const webhookRoutes = [
  route({
    method: 'get',
    path: '/v1/webhooks',
    summary: 'The endpoints that are told what happens.',
    pathFields: z.object({}),
    queryFields: z.strictObject({}),
    answers: { 200: z.object({ data: z.array(webhookFields), next_cursor: z.null() }) },
    async handle({ client, tenantId }) {
      return ok({ data: (await readWebhooks(client, tenantId)).map(show), next_cursor: null })
    },
  }),
  route({
    method: 'get',
    path: '/v1/webhooks/{webhook_id}',
    summary: 'One endpoint, without its secret.',
    pathFields: webhookPath,
    queryFields: z.strictObject({}),
    answers: { 200: webhookFields },
    async handle({ client, tenantId, path }) {
      return ok(show(await knownWebhook(client, tenantId, path.webhook_id)))
    },
  }),
  route({
    method: 'put',
    path: '/v1/webhooks/{webhook_id}',
    summary: 'Makes an endpoint, or sends its messages elsewhere.',
    description:
      'A new endpoint gets a secret, which this answer shows once. An endpoint that is there keeps its secret; where the ' +
      'body names another, both sign for a day. What waits is sent to the URL that is set when it is sent.',
    pathFields: webhookPath,
    queryFields: z.strictObject({}),
    bodyFields: z.strictObject({
      url,
      events: z.array(z.enum(MESSAGE_TYPES)).min(1).max(MESSAGE_TYPES.length).nullish(),
      secret: secret.optional(),
    }),
    answers: { 200: withSecret },
    async handle({ client, tenantId, path, body, now }) {
      await lockName(client, ['webhooks', tenantId])
      const { webhook_id: webhookId } = path
      const before = await readWebhook(client, tenantId, webhookId)
      if (!before) await refuseMore(client, tenantId)
      const { url, events = null } = body
      const row = await putWebhook(client, tenantId, { webhookId, url, events }, now)
      if (before && body.secret === undefined) return ok(show(row))
      const made = await replaceSecret(client, tenantId, webhookId, {
        secret: body.secret,
        keptSeconds: OLD_SECRET_SECONDS,
        now,
      })
      return ok({ ...show(row), ...(made !== null && !before && { secret: made }) })
    },
  }),
  route({
    method: 'delete',
    path: '/v1/webhooks/{webhook_id}',
    summary: 'Removes an endpoint with everything it was still to be told.',
    pathFields: webhookPath,
    queryFields: z.strictObject({}),
    answers: { 200: webhookFields.describe('as it was') },
    async handle({ client, tenantId, path }) {
      const row = await knownWebhook(client, tenantId, path.webhook_id)
      await deleteWebhook(client, tenantId, path.webhook_id)
      return ok(show(row))
    },
  }),
  route({
    method: 'post',
    path: '/v1/webhooks/{webhook_id}/rotate',
    summary: 'Gives an endpoint a new secret; the old one signs beside it for a while.',
    pathFields: webhookPath,
    queryFields: z.strictObject({}),
    bodyFields: z.strictObject({
      secret: secret.optional(),
      old_valid_seconds: z.int().min(0).max(OLD_SECRET_SECONDS_MAX).default(OLD_SECRET_SECONDS),
    }),
    answers: { 200: withSecret },
    async handle({ client, tenantId, path, body, now }) {
      await lockName(client, ['webhooks', tenantId])
      const row = await knownWebhook(client, tenantId, path.webhook_id)
      const made = await replaceSecret(client, tenantId, path.webhook_id, {
        secret: body.secret,
        keptSeconds: body.old_valid_seconds,
        now,
      })
      return ok({ ...show(row), ...(made !== null && { secret: made }) })
    },
  }),
  route({
    method: 'post',
    path: '/v1/webhooks/{webhook_id}/ping',
    summary: 'Sends a webhook.ping to this endpoint.',
    pathFields: webhookPath,
    queryFields: z.strictObject({}),
    bodyFields: z.strictObject({}),
    answers: { 202: z.object({ message_id: z.string() }) },
    async handle({ client, tenantId, path, now }) {
      const { webhookId, events } = await knownWebhook(client, tenantId, path.webhook_id)
      if (events && !events.includes('webhook.ping')) {
        throw new AforoError('conflict', `webhook ${webhookId} does not take webhook.ping`)
      }
      const id = `ping_${randomBytes(12).toString('hex')}`
      const data = { webhook_id: webhookId }
      await enqueueMessage(client, { tenantId, type: 'webhook.ping', data, id, now }, webhookId)
      return { status: 202, body: { message_id: id } }
    },
  }),
]

async function refuseMore(client: pg.PoolClient, tenantId: TenantId): Promise<void> {
  if ((await readWebhooks(client, tenantId)).length < WEBHOOKS_MAX) return
  throw new AforoError('conflict', `there are ${WEBHOOKS_MAX} webhooks already`)
}

/**
 * Signs with the secret of the body, or with one that is made here, from now on.
 * @returns the one that was made; null: the body's, which its sender knows
 */
async function replaceSecret(
  client: pg.PoolClient,
  tenantId: TenantId,
  webhookId: string,
  said: { readonly secret: string | undefined; readonly keptSeconds: number; readonly now: Date },
): Promise<string | null> {
  const { now } = said
  const [newest, ...older] = await readSecrets(client, tenantId, webhookId, now)
  if (said.secret !== undefined && said.secret === newest) return null
  if (said.keptSeconds > 0 && older.length + 1 >= SECRETS_MAX) {
    throw new AforoError(
      'conflict',
      `${SECRETS_MAX} secrets sign already; give old_valid_seconds 0 to end the old`,
    )
  }
  const made = said.secret ?? `whsec_${randomBytes(32).toString('base64')}`
  const oldUntil = new Date(now.getTime() + said.keptSeconds * 1000)
  await addSecret(client, tenantId, webhookId, made, oldUntil, now)
  return said.secret === undefined ? made : null
}

function isTarget(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password, hash, hostname } = new URL(text)
  return /^https?:$/.test(protocol) && username === '' && password === '' && hash === '' && hostname !== ''
}

function isSecret(text: string): boolean {
  const base64 = text.slice('whsec_'.length)
  const bytes = Buffer.from(base64, 'base64')
  return bytes.length >= 24 && bytes.length <= 64 && bytes.toString('base64') === base64
}

function show(row: WebhookRow): z.infer<typeof webhookFields> {
  return {
    webhook_id: row.webhookId,
    url: row.url,
    events: row.events && [...row.events],
    recorded_at: rfc3339OfDatabase(row.recordedAt),
  }
}

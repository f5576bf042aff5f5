/** Messages to others: where they go, what they say, how far each delivery is. */

import { bigint, integer, jsonb, primaryKey, text } from 'drizzle-orm/pg-core'
import { instant, store } from './columns.ts'

export const webhookEndpoints = store.table(
  'webhook_endpoints',
  {
    tenantId: text('tenant_id').notNull(),
    webhookId: text('webhook_id').notNull(),
    url: text().notNull(),
    events: text().array(),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.webhookId] })],
)

export const webhookSecrets = store.table(
  'webhook_secrets',
  {
    tenantId: text('tenant_id').notNull(),
    webhookId: text('webhook_id').notNull(),
    secretNo: bigint('secret_no', { mode: 'bigint' }).generatedAlwaysAsIdentity().notNull(),
    secret: text().notNull(),
    expiresAt: instant('expires_at'),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.webhookId, t.secretNo] })],
)

export const webhookMessages = store.table(
  'webhook_messages',
  {
    tenantId: text('tenant_id').notNull(),
    messageId: text('message_id').notNull(),
    type: text().notNull(),
    data: jsonb().notNull(),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.messageId] })],
)

export const webhookDeliveries = store.table(
  'webhook_deliveries',
  {
    tenantId: text('tenant_id').notNull(),
    webhookId: text('webhook_id').notNull(),
    messageId: text('message_id').notNull(),
    state: text().notNull(),
    attempts: integer().default(0).notNull(),
    attemptsMax: integer('attempts_max').notNull(),
    dueAt: instant('due_at').notNull(),
    lastStatus: integer('last_status'),
    lastError: text('last_error'),
    recordedAt: instant('recorded_at').notNull(),
    endedAt: instant('ended_at'),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.webhookId, t.messageId] })],
)

/** The events of sessions, and what their traces brought to them. */

import { boolean, integer, jsonb, primaryKey, text } from 'drizzle-orm/pg-core'
import { bytea, instant, store } from './columns.ts'

export const sessionEvents = store.table(
  'session_events',
  {
    tenantId: text('tenant_id').notNull(),
    eventId: text('event_id').notNull(),
    sessionKey: text('session_key').notNull(),
    place: integer().notNull(),
    productId: text('product_id').notNull(),
    sessionId: text('session_id').notNull(),
    customerId: text('customer_id'),
    time: instant(),
    revision: integer().default(-1).notNull(),
    traceCount: integer('trace_count').default(0).notNull(),
    spanCount: integer('span_count').default(0).notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.eventId] })],
)

export const contributions = store.table(
  'contributions',
  {
    tenantId: text('tenant_id').notNull(),
    eventId: text('event_id').notNull(),
    traceId: bytea('trace_id').notNull(),
    cut: integer().notNull(),
    eventRevision: integer('event_revision').notNull(),
    cutReason: text('cut_reason').notNull(),
    recordedAt: instant('recorded_at').notNull(),
    ownTold: boolean('own_told').notNull(),
    assembly: jsonb(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.eventId, t.traceId, t.cut] })],
)

/** Billable events and what could not be billed yet. */

import { bigint, integer, jsonb, primaryKey, text } from 'drizzle-orm/pg-core'
import { bytea, instant, store } from './columns.ts'

export const events = store.table(
  'events',
  {
    tenantId: text('tenant_id').notNull(),
    eventId: text('event_id').notNull(),
    revision: integer().notNull(),
    time: instant().notNull(),
    traceId: bytea('trace_id').notNull(),
    cutReason: text('cut_reason').notNull(),
    recordedAt: instant('recorded_at').notNull(),
    customerId: text('customer_id'),
    productId: text('product_id'),
    agent: text(),
    sessionId: text('session_id'),
    startedAt: instant('started_at').notNull(),
    endedAt: instant('ended_at').notNull(),
    modelCalls: bigint('model_calls', { mode: 'bigint' }).notNull(),
    unmeteredCalls: bigint('unmetered_calls', { mode: 'bigint' }).notNull(),
    toolCalls: bigint('tool_calls', { mode: 'bigint' }).notNull(),
    reasoningSteps: bigint('reasoning_steps', { mode: 'bigint' }).notNull(),
    inputTokens: bigint('input_tokens', { mode: 'bigint' }).notNull(),
    cacheReadTokens: bigint('cache_read_tokens', { mode: 'bigint' }).notNull(),
    cacheWriteTokens: bigint('cache_write_tokens', { mode: 'bigint' }).notNull(),
    outputTokens: bigint('output_tokens', { mode: 'bigint' }).notNull(),
    reasoningTokens: bigint('reasoning_tokens', { mode: 'bigint' }).notNull(),
    embeddingTokens: bigint('embedding_tokens', { mode: 'bigint' }).notNull(),
    assembly: jsonb().notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.eventId, t.revision, t.time] })],
)

export const ratingQueue = store.table(
  'rating_queue',
  {
    tenantId: text('tenant_id').notNull(),
    eventId: text('event_id').notNull(),
    revision: integer().notNull(),
    time: instant().notNull(),
    enqueuedAt: instant('enqueued_at').notNull(),
    attempts: integer().default(0).notNull(),
    notBefore: instant('not_before').notNull(),
    lastError: text('last_error'),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.eventId, t.revision] })],
)

export const exceptions = store.table(
  'exceptions',
  {
    tenantId: text('tenant_id').notNull(),
    exceptionId: text('exception_id').notNull(),
    kind: text().notNull(),
    eventId: text('event_id').notNull(),
    traceId: bytea('trace_id').notNull(),
    spanId: bytea('span_id'),
    provider: text(),
    model: text(),
    customerId: text('customer_id'),
    reason: text().notNull(),
    recordedAt: instant('recorded_at').notNull(),
    resolvedAt: instant('resolved_at'),
    resolution: text(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.exceptionId] })],
)

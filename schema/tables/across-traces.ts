/** What several traces tell of one call, and what a person states of a call. */

import { bigint, boolean, jsonb, primaryKey, text } from 'drizzle-orm/pg-core'
import { bytea, instant, store } from './columns.ts'

export const callSightings = store.table(
  'call_sightings',
  {
    tenantId: text('tenant_id').notNull(),
    traceId: bytea('trace_id').notNull(),
    spanId: bytea('span_id').notNull(),
    place: text(),
    tokens: text(),
    startNano: bigint('start_nano', { mode: 'bigint' }).notNull(),
    endNano: bigint('end_nano', { mode: 'bigint' }).notNull(),
    sighting: jsonb().notNull(),
    members: text().array().notNull(),
    ownerTraceId: bytea('owner_trace_id').notNull(),
    ownerSpanId: bytea('owner_span_id').notNull(),
    replay: boolean().notNull(),
    told: boolean().notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.traceId, t.spanId] })],
)

export const callKeys = store.table(
  'call_keys',
  {
    tenantId: text('tenant_id').notNull(),
    key: text().notNull(),
    seenBy: text('seen_by').array().notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.key] })],
)

export const placeScopes = store.table(
  'place_scopes',
  {
    tenantId: text('tenant_id').notNull(),
    place: text().notNull(),
    scopes: text().notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.place, t.scopes] })],
)

export const statedUsage = store.table(
  'stated_usage',
  {
    tenantId: text('tenant_id').notNull(),
    traceId: bytea('trace_id').notNull(),
    spanId: bytea('span_id').notNull(),
    statedId: bigint('stated_id', { mode: 'bigint' }).generatedAlwaysAsIdentity().notNull(),
    inputUncached: bigint('input_uncached', { mode: 'number' }).notNull(),
    cacheRead: bigint('cache_read', { mode: 'number' }).notNull(),
    cacheWrite: bigint('cache_write', { mode: 'number' }).notNull(),
    cacheWrite1h: bigint('cache_write_1h', { mode: 'number' }).notNull(),
    outputText: bigint('output_text', { mode: 'number' }).notNull(),
    outputReasoning: bigint('output_reasoning', { mode: 'number' }).notNull(),
    note: text(),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.traceId, t.spanId, t.statedId] })],
)

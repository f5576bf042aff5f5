/** Budgets, what is used of them, and what open traces count for. */

import { bigint, boolean, customType, integer, jsonb, numeric, primaryKey, text } from 'drizzle-orm/pg-core'
import { bytea, instant, store } from './columns.ts'

/** A transaction's number, as text. */
export const xid8 = customType<{ data: string; driverData: string }>({ dataType: () => 'xid8' })
const amount = (name = '') => numeric(name, { precision: 38, scale: 18 })

export const budgetVersions = store.table(
  'budget_versions',
  {
    tenantId: text('tenant_id').notNull(),
    budgetId: text('budget_id').notNull(),
    version: integer().notNull(),
    body: jsonb(),
    countingVersion: integer('counting_version').notNull(),
    recordedAt: instant('recorded_at').notNull(),
    changedTx: xid8('changed_tx').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.budgetId, t.version] })],
)

export const budgetTenants = store.table('budget_tenants', {
  tenantId: text('tenant_id').primaryKey(),
  since: instant().notNull(),
})

export const budgetCounters = store.table(
  'budget_counters',
  {
    tenantId: text('tenant_id').notNull(),
    budgetId: text('budget_id').notNull(),
    countingVersion: integer('counting_version').notNull(),
    subject: text().notNull(),
    windowStart: instant('window_start').notNull(),
    used: amount().default('0').notNull(),
    usedCogs: amount('used_cogs'),
    slots: jsonb(),
    slotsFrom: instant('slots_from'),
    leased: amount().default('0').notNull(),
    changedTx: xid8('changed_tx').notNull(),
    version: bigint({ mode: 'bigint' }).default(1n).notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.budgetId, t.countingVersion, t.subject, t.windowStart] })],
)

export const openSpend = store.table(
  'open_spend',
  {
    tenantId: text('tenant_id').notNull(),
    traceId: bytea('trace_id').notNull(),
    time: instant().notNull(),
    monthStart: instant('month_start').notNull(),
    spentAt: instant('spent_at').notNull(),
    customerId: text('customer_id'),
    productId: text('product_id'),
    agent: text(),
    sessionId: text('session_id'),
    price: amount().notNull(),
    cogs: amount().notNull(),
    credits: amount().notNull(),
    tokens: bigint({ mode: 'bigint' }).notNull(),
    modelCalls: bigint('model_calls', { mode: 'bigint' }).notNull(),
    toolCalls: bigint('tool_calls', { mode: 'bigint' }).notNull(),
    reasoningSteps: bigint('reasoning_steps', { mode: 'bigint' }).notNull(),
    spans: bigint({ mode: 'bigint' }).notNull(),
    mirrored: boolean().notNull(),
    projectedAt: instant('projected_at').notNull(),
    eventId: text('event_id').default('').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.traceId, t.eventId] })],
)

export const spendQueue = store.table('spend_queue', {
  queueId: bigint('queue_id', { mode: 'bigint' }).generatedAlwaysAsIdentity().primaryKey(),
  tenantId: text('tenant_id').notNull(),
  traceId: bytea('trace_id').notNull(),
  notBefore: instant('not_before').notNull(),
})

export const openSightings = store.table(
  'open_sightings',
  {
    tenantId: text('tenant_id').notNull(),
    traceId: bytea('trace_id').notNull(),
    spanId: bytea('span_id').notNull(),
    place: text(),
    tokens: text(),
    scopes: text().notNull(),
    startNano: bigint('start_nano', { mode: 'bigint' }).notNull(),
    endNano: bigint('end_nano', { mode: 'bigint' }).notNull(),
    sighting: jsonb().notNull(),
    members: text().array().notNull(),
    ownerTraceId: bytea('owner_trace_id').notNull(),
    ownerSpanId: bytea('owner_span_id').notNull(),
    replay: boolean().notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.traceId, t.spanId] })],
)

export const openSightingKeys = store.table(
  'open_sighting_keys',
  {
    tenantId: text('tenant_id').notNull(),
    key: text().notNull(),
    traceId: bytea('trace_id').notNull(),
    spanId: bytea('span_id').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.key, t.traceId, t.spanId] })],
)

/** Alert rules, when they are looked at, and what became of what they watch. */

import { bigint, integer, jsonb, numeric, primaryKey, text } from 'drizzle-orm/pg-core'
import { xid8 } from './budgets.ts'
import { instant, store } from './columns.ts'

export const alertRuleVersions = store.table(
  'alert_rule_versions',
  {
    tenantId: text('tenant_id').notNull(),
    ruleId: text('rule_id').notNull(),
    version: integer().notNull(),
    body: jsonb(),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.ruleId, t.version] })],
)

export const alertWatches = store.table(
  'alert_watches',
  {
    tenantId: text('tenant_id').notNull(),
    ruleId: text('rule_id').notNull(),
    dueAt: instant('due_at').notNull(),
    alerts: bigint({ mode: 'bigint' }).default(0n).notNull(),
    told: bigint({ mode: 'bigint' }).default(0n).notNull(),
    toldAt: instant('told_at'),
    version: integer(),
    seenTx: xid8('seen_tx'),
    fullAt: instant('full_at'),
    lookedAt: instant('looked_at'),
    leftOut: integer('left_out').default(0).notNull(),
    failure: text(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.ruleId] })],
)

export const alerts = store.table(
  'alerts',
  {
    tenantId: text('tenant_id').notNull(),
    ruleId: text('rule_id').notNull(),
    alertNo: bigint('alert_no', { mode: 'bigint' }).notNull(),
    ruleVersion: integer('rule_version').notNull(),
    kind: text().notNull(),
    subject: text().notNull(),
    about: jsonb().notNull(),
    customerId: text('customer_id'),
    previous: text().notNull(),
    state: text().notNull(),
    reason: text().notNull(),
    value: numeric(),
    threshold: numeric(),
    figures: jsonb().notNull(),
    killed: jsonb(),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.ruleId, t.alertNo] })],
)

export const alertStates = store.table(
  'alert_states',
  {
    tenantId: text('tenant_id').notNull(),
    ruleId: text('rule_id').notNull(),
    subject: text().notNull(),
    state: text().notNull(),
    alertNo: bigint('alert_no', { mode: 'bigint' }).notNull(),
    since: instant().notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.ruleId, t.subject] })],
)

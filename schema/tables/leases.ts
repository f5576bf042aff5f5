/** What of budgets is given out and held, and who was stopped. */

import { bigint, boolean, integer, jsonb, numeric, primaryKey, text } from 'drizzle-orm/pg-core'
import { xid8 } from './budgets.ts'
import { instant, store } from './columns.ts'

const amount = () => numeric({ precision: 38, scale: 18 })

export const budgetLeases = store.table(
  'budget_leases',
  {
    tenantId: text('tenant_id').notNull(),
    budgetId: text('budget_id').notNull(),
    countingVersion: integer('counting_version').notNull(),
    subject: text().notNull(),
    windowStart: instant('window_start').notNull(),
    sidecarId: text('sidecar_id').notNull(),
    leaseId: text('lease_id').notNull(),
    amount: amount().notNull(),
    seq: bigint({ mode: 'bigint' }).notNull(),
    grantedAt: instant('granted_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (t) => [
    primaryKey({
      columns: [t.tenantId, t.budgetId, t.countingVersion, t.subject, t.windowStart, t.sidecarId],
    }),
  ],
)

export const budgetHolds = store.table(
  'budget_holds',
  {
    tenantId: text('tenant_id').notNull(),
    holdId: text('hold_id').notNull(),
    sidecarId: text('sidecar_id'),
    customerId: text('customer_id'),
    productId: text('product_id'),
    agent: text(),
    sessionId: text('session_id'),
    traceId: text('trace_id'),
    model: text(),
    heldBy: text('held_by').notNull(),
    state: text().notNull(),
    settledBy: text('settled_by'),
    late: boolean().notNull(),
    card: jsonb().notNull(),
    ofWork: boolean('of_work').default(false).notNull(),
    actual: jsonb(),
    told: jsonb(),
    openedAt: instant('opened_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    changedAt: instant('changed_at').notNull(),
    holding: boolean().notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.holdId] })],
)

export const budgetHoldTakes = store.table(
  'budget_hold_takes',
  {
    tenantId: text('tenant_id').notNull(),
    holdId: text('hold_id').notNull(),
    budgetId: text('budget_id').notNull(),
    countingVersion: integer('counting_version').notNull(),
    subject: text().notNull(),
    windowStart: instant('window_start').notNull(),
    unit: text().notNull(),
    taken: amount().notNull(),
    held: amount().notNull(),
    over: amount().default('0').notNull(),
  },
  (t) => [
    primaryKey({
      columns: [t.tenantId, t.holdId, t.budgetId, t.countingVersion, t.subject, t.windowStart],
    }),
  ],
)

export const kills = store.table(
  'kills',
  {
    tenantId: text('tenant_id').notNull(),
    kind: text().notNull(),
    id: text().notNull(),
    killNo: integer('kill_no').notNull(),
    reason: text(),
    killedAt: instant('killed_at').notNull(),
    liftedAt: instant('lifted_at'),
    changedTx: xid8('changed_tx').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.kind, t.id, t.killNo] })],
)

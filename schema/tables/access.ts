/** Keys, logins and first answers. */

import { integer, primaryKey, text } from 'drizzle-orm/pg-core'
import { bytea, instant, loginName, store } from './columns.ts'

export const apiKeys = store.table(
  'api_keys',
  {
    tenantId: text('tenant_id').notNull(),
    keyId: text('key_id').notNull(),
    role: text().notNull(),
    keyHash: bytea('key_hash').notNull(),
    recordedAt: instant('recorded_at').notNull(),
    revokedAt: instant('revoked_at'),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.keyId] })],
)

export const idempotencyKeys = store.table(
  'idempotency_keys',
  {
    tenantId: text('tenant_id').notNull(),
    endpoint: text().notNull(),
    key: text().notNull(),
    bodyHash: text('body_hash').notNull(),
    status: integer().notNull(),
    response: text().notNull(),
    recordedAt: instant('recorded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.endpoint, t.key] })],
)

export const loginTenants = store.table(
  'login_tenants',
  {
    login: loginName().notNull(),
    tenantId: text('tenant_id').notNull(),
  },
  (t) => [primaryKey({ columns: [t.login] })],
)

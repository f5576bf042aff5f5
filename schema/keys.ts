import { createHash, randomBytes } from 'node:crypto'
import type pg from 'pg'
import { AforoError } from '../core/errors.ts'
import { isTenantId, type TenantId } from '../core/ids.ts'
import { transaction } from './pool.ts'

/** What a key may do: `admin` everything, `read` reading the API, `ingest` OTLP, `check` the check endpoint. */
export const KEY_ROLES = ['ingest', 'check', 'read', 'admin'] as const
export type KeyRole = (typeof KEY_ROLES)[number]

/** A key as it can be listed: what it opens is never shown again. Times are RFC 3339. */
export interface ListedKey {
  readonly tenantId: TenantId
  readonly keyId: string
  readonly role: KeyRole
  readonly recordedAt: string
  readonly revokedAt: string | null
}

/** Either of a pool and a client in a transaction. */
type Queryable = Pick<pg.ClientBase, 'query'>

/**
 * Makes a key and returns its secret, which is stored only as a hash.
 * Fails with `invalid_argument` for a tenant or role that cannot be, `conflict` where that secret is stored already.
 */
export async function createKey(
  db: Queryable,
  key: { tenantId: TenantId; role: KeyRole; secret?: string },
  now: Date = new Date(),
): Promise<{ keyId: string; secret: string }> {
  if (!isTenantId(key.tenantId)) throw new AforoError('invalid_argument', `"${key.tenantId}" is no tenant id`)
  if (!KEY_ROLES.includes(key.role)) {
    throw new AforoError('invalid_argument', `role must be one of ${KEY_ROLES.join(', ')}`)
  }
  const keyId = `key_${randomBytes(9).toString('base64url')}`
  const secret = key.secret ?? `aforo_${key.role}_${randomBytes(32).toString('base64url')}`
  const { rowCount } = await db.query(
    `insert into aforo_store.api_keys (tenant_id, key_id, role, key_hash, recorded_at)
     values ($1, $2, $3, $4, $5) on conflict (key_hash) do nothing`,
    [key.tenantId, keyId, key.role, hashKey(secret), now],
  )
  if (rowCount === 0) throw new AforoError('conflict', 'this key exists already')
  return { keyId, secret }
}

/** All keys of a tenant, or of every tenant, oldest first; the revoked ones too. At most 1,000. */
export async function listKeys(db: Queryable, tenantId?: TenantId): Promise<ListedKey[]> {
  const { rows } = await db.query<ListedKey>(
    `select tenant_id as "tenantId", key_id as "keyId", role,
       to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "recordedAt",
       to_char(revoked_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "revokedAt"
     from aforo_store.api_keys
     where $1::text is null or tenant_id = $1
     order by tenant_id, recorded_at, key_id
     limit 1000`,
    [tenantId ?? null],
  )
  return rows
}

/** Closes a key. Every process notices within `ACCESS_AGE_MS_MAX`. False: there is no such open key. */
export async function revokeKey(
  db: Queryable,
  tenantId: TenantId,
  keyId: string,
  now: Date = new Date(),
): Promise<boolean> {
  const { rowCount } = await db.query(
    `update aforo_store.api_keys set revoked_at = $3
     where tenant_id = $1 and key_id = $2 and revoked_at is null`,
    [tenantId, keyId, now],
  )
  return rowCount === 1
}

/** Whether any key was ever made. A revoked one counts: taking the last key away must not open the doors. */
export async function hasAnyKey(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ found: boolean }>(
    'select exists (select from aforo_store.api_keys) as found',
  )
  return rows[0]!.found
}

/**
 * Stores the `role:secret` pairs of the settings where the tenant has no key yet, so that a first start behind a
 * public address has its keys. Several processes may do it at once. Returns how many were stored.
 */
export async function createInitialKeys(
  pool: pg.Pool,
  tenantId: TenantId,
  pairs: readonly string[],
  now: Date = new Date(),
): Promise<number> {
  if (pairs.length === 0) return 0
  return transaction(pool, async (client) => {
    await client.query("select pg_advisory_xact_lock(hashtextextended('aforo initial keys', 0))")
    const { rowCount } = await client.query('select from aforo_store.api_keys where tenant_id = $1 limit 1', [
      tenantId,
    ])
    const wanted = rowCount === 0 ? pairs : []
    for (const pair of wanted) {
      const at = pair.indexOf(':')
      const key = { tenantId, role: pair.slice(0, at) as KeyRole, secret: pair.slice(at + 1) }
      await createKey(client, key, now)
    }
    return wanted.length
  })
}

/** SHA-256 of the secret: 32 random bytes need no salt, and the lookup is by hash. */
export function hashKey(secret: string): Buffer {
  return createHash('sha256').update(secret, 'utf8').digest()
}

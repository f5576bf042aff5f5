import { timingSafeEqual } from 'node:crypto'
import type pg from 'pg'
import { AforoError } from '../core/errors.ts'
import { DEFAULT_TENANT, isTenantId, type TenantId } from '../core/ids.ts'
import { hasAnyKey, hashKey, type KeyRole } from './keys.ts'

/** A revoked key works no longer than this, in any process. */
export const ACCESS_AGE_MS_MAX = 2_000

/** Keys remembered at once; the ones asked for longest ago are forgotten first. */
export const REMEMBERED_KEYS_MAX = 10_000

/** Longer secrets than this are refused before they are hashed. */
const SECRET_CHARS_MAX = 512

/** What a request shows at the door. */
export interface Credentials {
  readonly authorization?: string | undefined
  /** Header `x-aforo-tenant`. */
  readonly tenantHeader?: string | undefined
}

export interface Access {
  /**
   * The tenant that the request may act for in that role.
   * Throws `unauthenticated` (no key, unknown or revoked key), `permission_denied` (another role, another tenant),
   * `invalid_argument` (a tenant id that cannot be), `unavailable` (the database did not answer: nothing is known).
   */
  authorise(credentials: Credentials, role: KeyRole): Promise<TenantId>
}

interface StoredKey {
  readonly tenantId: TenantId
  readonly role: KeyRole
  readonly hash: Buffer
}

/** An answer of the database and when it was asked for. */
interface Remembered<T> {
  readonly askedAt: number
  readonly answer: Promise<T>
}

/**
 * The door of all endpoints. `open`: every address is loopback, so that no key is needed until the first one is made.
 * Answers are remembered for `ACCESS_AGE_MS_MAX`, unknown keys too.
 */
export function createAccess(
  pool: Pick<pg.Pool, 'query'>,
  options: { open: boolean; now?: () => Date },
): Access {
  const now = options.now ?? (() => new Date())
  const keys = new Map<string, Remembered<StoredKey | null>>()
  let anyKey: Remembered<boolean> | undefined

  async function isOpen(): Promise<boolean> {
    if (!options.open) return false
    const at = now().getTime()
    if (!isFresh(anyKey, at)) anyKey = { askedAt: at, answer: asked(hasAnyKey(pool)) }
    const asking = anyKey!
    try {
      return !(await asking.answer)
    } catch (error) {
      if (anyKey === asking) anyKey = undefined
      throw error
    }
  }

  async function find(secret: string): Promise<StoredKey | null> {
    const hash = hashKey(secret)
    const name = hash.toString('base64')
    const at = now().getTime()
    let found = keys.get(name)
    if (!isFresh(found, at)) {
      found = { askedAt: at, answer: asked(readKey(pool, hash)) }
      keys.delete(name)
      keys.set(name, found)
      if (keys.size > REMEMBERED_KEYS_MAX) keys.delete(keys.keys().next().value!)
    }
    try {
      const key = await found!.answer
      return key && timingSafeEqual(key.hash, hash) ? key : null
    } catch (error) {
      if (keys.get(name) === found) keys.delete(name)
      throw error
    }
  }

  return {
    async authorise({ authorization, tenantHeader }, role) {
      if (tenantHeader !== undefined && !isTenantId(tenantHeader)) {
        throw new AforoError('invalid_argument', 'x-aforo-tenant is no tenant id')
      }
      if (await isOpen()) return tenantHeader ?? DEFAULT_TENANT
      const key = await find(secretOf(authorization))
      if (!key) throw new AforoError('unauthenticated', 'unknown or revoked key')
      if (key.role !== 'admin' && key.role !== role) {
        throw new AforoError('permission_denied', `this key has the role ${key.role}, not ${role}`)
      }
      if (tenantHeader !== undefined && tenantHeader !== key.tenantId) {
        throw new AforoError('permission_denied', 'this key belongs to another tenant')
      }
      return key.tenantId
    },
  }
}

function isFresh(remembered: Remembered<unknown> | undefined, at: number): boolean {
  return remembered !== undefined && at - remembered.askedAt < ACCESS_AGE_MS_MAX && at >= remembered.askedAt
}

/** A database that does not answer says nothing about the key: the client shall come again, not give up. */
function asked<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((error: unknown) => {
    throw new AforoError('unavailable', 'keys cannot be looked up now', { cause: error })
  })
}

async function readKey(pool: Pick<pg.Pool, 'query'>, hash: Buffer): Promise<StoredKey | null> {
  const { rows } = await pool.query<StoredKey>(
    `select tenant_id as "tenantId", role, key_hash as hash from aforo_store.api_keys
     where key_hash = $1 and revoked_at is null`,
    [hash],
  )
  return rows[0] ?? null
}

function secretOf(authorization: string | undefined): string {
  const match = /^Bearer +(\S+)$/i.exec(authorization ?? '')
  if (!match || match[1]!.length > SECRET_CHARS_MAX) {
    throw new AforoError('unauthenticated', 'this needs `Authorization: Bearer <key>`')
  }
  return match[1]!
}

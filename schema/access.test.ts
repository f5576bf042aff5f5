import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AforoError } from '../core/errors.ts'
import { type TestDatabase, testDatabase } from '../test/support/database.ts'
import { ACCESS_AGE_MS_MAX, createAccess, REMEMBERED_KEYS_MAX } from './access.ts'
import { createInitialKeys, createKey, hasAnyKey, type KeyRole, listKeys, revokeKey } from './keys.ts'

let database: TestDatabase
let clockMs = Date.parse('2026-03-01T00:00:00Z')
const now = () => new Date(clockMs)

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` })
const code = (work: Promise<unknown>) =>
  work.then(
    () => 'allowed',
    (error: unknown) => (error instanceof AforoError ? error.code : String(error)),
  )

describe('the door', () => {
  test('without any key: open on loopback, the header picks the tenant; closed elsewhere', async () => {
    const open = createAccess(database.pool, { open: true, now })
    expect(await open.authorise({}, 'admin')).toBe('default')
    expect(await open.authorise({ tenantHeader: 'other' }, 'ingest')).toBe('other')
    expect(await code(open.authorise({ tenantHeader: 'no good' }, 'ingest'))).toBe('invalid_argument')
    const closed = createAccess(database.pool, { open: false, now })
    expect(await code(closed.authorise({}, 'read'))).toBe('unauthenticated')
  })

  test('the first key closes an open door within the age', async () => {
    const access = createAccess(database.pool, { open: true, now })
    expect(await access.authorise({}, 'read')).toBe('default')
    const { secret } = await createKey(database.pool, { tenantId: 'acme', role: 'admin' }, now())
    clockMs += ACCESS_AGE_MS_MAX
    expect(await code(access.authorise({}, 'read'))).toBe('unauthenticated')
    expect(await access.authorise(bearer(secret), 'read')).toBe('acme')
  })

  test.each([
    ['ingest', ['ingest']],
    ['check', ['check']],
    ['read', ['read']],
    ['admin', ['ingest', 'check', 'read', 'admin']],
  ] as const)('a key of role %s may %j', async (role, allowed) => {
    const access = createAccess(database.pool, { open: true, now })
    const { secret } = await createKey(database.pool, { tenantId: 'acme', role }, now())
    for (const asked of ['ingest', 'check', 'read', 'admin'] as const satisfies KeyRole[]) {
      const expected = (allowed as readonly string[]).includes(asked) ? 'allowed' : 'permission_denied'
      expect(await code(access.authorise(bearer(secret), asked)), asked).toBe(expected)
    }
  })

  test('a key acts for its own tenant alone', async () => {
    const access = createAccess(database.pool, { open: false, now })
    const { secret } = await createKey(database.pool, { tenantId: 'acme', role: 'admin' }, now())
    expect(await access.authorise({ ...bearer(secret), tenantHeader: 'acme' }, 'read')).toBe('acme')
    const other = access.authorise({ ...bearer(secret), tenantHeader: 'other' }, 'read')
    expect(await code(other)).toBe('permission_denied')
  })

  test.each([
    '',
    'Bearer',
    'Bearer ',
    'Basic abc',
    'Bearer a b',
    `Bearer ${'x'.repeat(513)}`,
    'Bearer unknown',
  ])('refuses "%s"', async (authorization) => {
    const access = createAccess(database.pool, { open: false, now })
    expect(await code(access.authorise({ authorization }, 'read'))).toBe('unauthenticated')
  })

  test('a revoked key is refused within the age, and its revocation opens no door', async () => {
    const access = createAccess(database.pool, { open: true, now })
    const { keyId, secret } = await createKey(database.pool, { tenantId: 'acme', role: 'read' }, now())
    expect(await access.authorise(bearer(secret), 'read')).toBe('acme')
    expect(await revokeKey(database.pool, 'other', keyId, now())).toBe(false)
    expect(await revokeKey(database.pool, 'acme', keyId, now())).toBe(true)
    clockMs += ACCESS_AGE_MS_MAX
    expect(await code(access.authorise(bearer(secret), 'read'))).toBe('unauthenticated')
    expect(await hasAnyKey(database.pool)).toBe(true)
  })

  test('a database that is away says nothing about a key', async () => {
    let away = false
    const query = ((...given: unknown[]) =>
      away
        ? Promise.reject(Object.assign(new Error('gone'), { code: 'ECONNREFUSED' }))
        : (database.pool.query as (...given: unknown[]) => unknown)(...given)) as typeof database.pool.query
    const access = createAccess({ query: query.bind(database.pool) }, { open: false, now })
    const { secret } = await createKey(database.pool, { tenantId: 'acme', role: 'read' }, now())
    expect(await access.authorise(bearer(secret), 'read')).toBe('acme')
    away = true
    expect(await access.authorise(bearer(secret), 'read'), 'still remembered').toBe('acme')
    clockMs += ACCESS_AGE_MS_MAX
    expect(await code(access.authorise(bearer(secret), 'read'))).toBe('unavailable')
    away = false
    expect(await access.authorise(bearer(secret), 'read'), 'a failure is not remembered').toBe('acme')
  })

  test('asks the database once for many, and remembers a bounded number of keys', async () => {
    let asked = 0
    const query = (() => {
      asked++
      return Promise.resolve({ rows: [] })
    }) as unknown as typeof database.pool.query
    const access = createAccess({ query }, { open: false, now })
    await Promise.all(Array.from({ length: 50 }, () => code(access.authorise(bearer('same'), 'read'))))
    expect(asked).toBe(1)
    for (let i = 0; i < REMEMBERED_KEYS_MAX; i++) await code(access.authorise(bearer(`key-${i}`), 'read'))
    expect(asked).toBe(REMEMBERED_KEYS_MAX + 1)
    await code(access.authorise(bearer('same'), 'read'))
    expect(asked, 'one more than the bound forgets the oldest').toBe(REMEMBERED_KEYS_MAX + 2)
  })
})

test('a key is stored hashed, and listed without its secret', async () => {
  const { keyId, secret } = await createKey(database.pool, { tenantId: 'lists', role: 'check' }, now())
  expect(secret).toMatch(/^aforo_check_[\w-]{43}$/)
  const { rows } = await database.pool.query('select t::text as text from aforo_store.api_keys t')
  expect(rows.every((row: { text: string }) => !row.text.includes(secret))).toBe(true)
  expect(await listKeys(database.pool, 'lists')).toEqual([
    {
      tenantId: 'lists',
      keyId,
      role: 'check',
      recordedAt: expect.stringMatching(/^2026-03-01T.*Z$/),
      revokedAt: null,
    },
  ])
})

test('initial keys are stored once, however many processes start together', async () => {
  const pairs = ['ingest:an-initial-secret:with-colon', 'admin:another-initial-secret']
  const starts = [1, 2, 3].map(() => createInitialKeys(database.pool, 'fresh', pairs, now()))
  expect((await Promise.all(starts)).sort()).toEqual([0, 0, 2])
  const access = createAccess(database.pool, { open: false, now })
  expect(await access.authorise(bearer('an-initial-secret:with-colon'), 'ingest')).toBe('fresh')
})

test('a tenant or role that cannot be is refused, and so is a secret twice', async () => {
  const bad = { tenantId: 'no good', role: 'read' as const }
  expect(await code(createKey(database.pool, bad))).toBe('invalid_argument')
  expect(await code(createKey(database.pool, { tenantId: 'a', role: 'root' as KeyRole }))).toBe(
    'invalid_argument',
  )
  await createKey(database.pool, { tenantId: 'a', role: 'read', secret: 'the same secret' })
  const again = createKey(database.pool, { tenantId: 'b', role: 'read', secret: 'the same secret' })
  expect(await code(again)).toBe('conflict')
})

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKey } from '../../../schema/keys.ts'
import { addCustomer, type CheckWorld, putBudget, startWorld, until, use } from '../start.ts'

let world: CheckWorld

beforeAll(async () => {
  world = await startWorld()
  const { pool } = world.database
  await addCustomer(pool, 'default', 'zo\u00eb & co')
  await putBudget(pool, 'calls', { scope: { session: '*' }, unit: 'model_calls', limit: '3', window: 'hour' })
  await putBudget(pool, 'slow', {
    scope: { product: 'slow' },
    unit: 'tokens',
    limit: '10',
    throttle: { at: '0', per_second: '0.001' },
  })
})
afterAll(() => world.stop())

/** Headers and status of an answer; its body is always empty. */
async function ask(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const response = await fetch(world.url + path, { method, headers })
  expect(await response.text()).toBe('')
  return { status: response.status, of: (name: string) => response.headers.get(name) }
}

describe('a proxy that asks', () => {
  test('is told to let a known customer through, and why, by header or by query', async () => {
    for (const answered of [
      await ask('/v1/authz', { 'x-aforo-customer': 'acme', 'x-aforo-session': 'proxy-1' }),
      await ask('/v1/authz?customer=acme&session=proxy-1', {}, 'POST'),
      await ask('/v1/authz?customer=acme&session=proxy-1', {}, 'DELETE'),
    ]) {
      expect(answered.status).toBe(200)
      expect(answered.of('x-aforo-reason')).toBe('within_budget')
      expect(answered.of('x-aforo-decision')).toBe('allow')
      expect(answered.of('x-aforo-customer')).toBe('acme')
      expect(answered.of('x-aforo-budget')).toBe('calls')
      expect(answered.of('x-aforo-remaining')).toBe('3')
      expect(answered.of('x-aforo-unit')).toBe('model_calls')
      expect(answered.of('ratelimit')).toBe('"calls";r=3')
      expect(answered.of('ratelimit-policy')).toBe('"calls";q=3;w=3600')
      expect(answered.of('x-aforo-hold-id')).toBeNull()
    }
  })

  test('is told to refuse a session that is used up, with the status it can pass on', async () => {
    await ask('/v1/authz?customer=acme&session=spent')
    const now = new Date()
    now.setUTCSeconds(0, 0)
    await world.database.pool.query(
      `insert into aforo_store.budget_counters
         (tenant_id, budget_id, counting_version, subject, window_start, used, slots)
       values ('default', 'calls', 1, '["spent"]', '-infinity', 3, $1)
       on conflict (tenant_id, budget_id, counting_version, subject, window_start)
       do update set used = 3, slots = excluded.slots, changed_tx = pg_current_xact_id()`,
      [JSON.stringify({ [now.toISOString()]: ['3', null] })],
    )
    await until(async () => (await ask('/v1/authz?customer=acme&session=spent')).status === 403)
    const denied = await ask('/v1/authz?customer=acme&session=spent&deny=429')
    expect(denied.status).toBe(429)
    expect(denied.of('x-aforo-reason')).toBe('budget_exhausted')
    expect(denied.of('x-aforo-remaining')).toBe('0')
    expect(denied.of('ratelimit')).toBe('"calls";r=0')
    expect((await ask('/v1/authz?customer=acme&session=spent&deny=402')).status).toBe(402)
  })

  test('gets a hold where it asks for one', async () => {
    const held = await ask(
      '/v1/authz?customer=acme&session=held&reserve=true&input_tokens=10&max_output_tokens=10&ttl_ms=5000',
    )
    expect(held.status).toBe(200)
    const holdId = held.of('x-aforo-hold-id')
    expect(await world.post(`/v1/holds/${holdId}/release`)).toMatchObject({ body: { state: 'released' } })
  })

  test('is told when to come again', async () => {
    await ask('/v1/authz?customer=acme&product=slow&deny=429')
    const again = await ask('/v1/authz?customer=acme&product=slow&deny=429')
    expect(again.status).toBe(429)
    expect(again.of('x-aforo-reason')).toBe('throttled')
    expect(Number(again.of('retry-after'))).toBeGreaterThanOrEqual(1)
  })

  test('may name a product by a segment of the original path', async () => {
    await putBudget(world.database.pool, 'none-of-it', { scope: { product: 'chat bot' }, limit: '0' })
    const asked = (uri: string, name: string) =>
      ask('/v1/authz?customer=acme&product_path=2', { [name]: uri })
    expect((await asked('/apps/chat%20bot/run?x=1', 'x-original-uri')).of('x-aforo-budget')).toBe(
      'none-of-it',
    )
    expect((await asked('/apps/chat%20bot', 'x-forwarded-uri')).status).toBe(403)
    expect((await asked('/apps', 'x-forwarded-uri')).status).toBe(200)
    const appended = { 'x-aforo-customer': 'acme', 'x-aforo-product-path': '2' }
    expect((await ask('/v1/authz/apps/chat%20bot/run', appended)).status).toBe(403)
  })

  test('is understood in UTF-8, and answered in it', async () => {
    const bytes = Buffer.from('zo\u00eb & co').toString('latin1')
    const answered = await ask('/v1/authz', { 'x-aforo-customer': bytes })
    expect(answered.status).toBe(200)
    expect(answered.of('x-aforo-customer')).toBe(bytes)
    expect((await ask(`/v1/authz?customer=${encodeURIComponent('zo\u00eb & co')}`)).status).toBe(200)
  })
})

describe('what others may state', () => {
  test('does not outweigh what the proxy wrote into the query, not even where that is empty', async () => {
    const spoofed = await ask('/v1/authz?customer=stranger', { 'x-aforo-customer': 'acme' })
    expect(spoofed.of('x-aforo-reason')).toBe('unknown_customer')
    const empty = await ask('/v1/authz?customer=', { 'x-aforo-customer': 'acme' })
    expect([empty.status, empty.of('x-aforo-reason')]).toEqual([403, 'invalid_argument'])
  })

  test('is not read from the query of the original request', async () => {
    const answered = await ask('/v1/authz/any/path?customer=acme&deny=429', {
      'x-aforo-customer': 'stranger',
    })
    expect([answered.status, answered.of('x-aforo-reason')]).toEqual([403, 'unknown_customer'])
    expect((await ask('/v1/authz/?customer=acme')).status).toBe(403)
  })

  test.each([
    ['nobody', ''],
    ['a name too long', `customer=${'x'.repeat(257)}`],
    ['a control character', 'customer=a%00b'],
    ['a negative estimate', 'customer=acme&input_tokens=-1'],
    ['a hold for a word', 'customer=acme&reserve=yes'],
    ['a hold for too short', 'customer=acme&reserve=true&ttl_ms=1'],
    ['a status that denies nothing', 'customer=acme&deny=200'],
    ['a segment that is none', 'customer=acme&product_path=0'],
    ['a trace that is none', 'customer=acme&trace=xyz'],
  ])('%s is denied, with a reason', async (_, query) => {
    const answered = await ask(`/v1/authz?${query}`)
    expect([answered.status, answered.of('x-aforo-reason')]).toEqual([403, 'invalid_argument'])
  })
})

test('answers are counted by door', async () => {
  await ask('/v1/authz?customer=acme')
  const metrics = await (await fetch(`${world.url}/metrics`)).text()
  expect(metrics).toMatch(/aforo_door_answers_total\{door="authz",outcome="allow"\} [1-9]/)
  expect(metrics).toMatch(/aforo_door_answers_total\{door="authz",outcome="invalid_argument"\} [1-9]/)
})

/** Last: from then on, nobody is let in without a key. */
test('once there are keys, one is needed, in a header of our own or of HTTP', async () => {
  await use(world.database.pool, 'slow', [], '0')
  const check = await createKey(world.database.pool, { tenantId: 'default', role: 'check' })
  const ingest = await createKey(world.database.pool, { tenantId: 'default', role: 'ingest' })
  await until(async () => (await ask('/v1/authz?customer=acme')).status === 401)
  const without = await ask('/v1/authz?customer=acme')
  expect(without.of('www-authenticate')).toBe('Bearer')
  expect(without.of('x-aforo-reason')).toBe('unauthenticated')
  const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` })
  expect((await ask('/v1/authz?customer=acme', bearer(check.secret))).status).toBe(200)
  const wrong = await ask('/v1/authz?customer=acme', bearer(ingest.secret))
  expect([wrong.status, wrong.of('x-aforo-reason')]).toEqual([403, 'permission_denied'])
  const both = { ...bearer('sk-of-the-application'), 'x-aforo-key': check.secret }
  expect((await ask('/v1/authz?customer=acme', both)).status).toBe(200)
})

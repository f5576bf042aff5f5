import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { storable } from '../../schema/copy-writer.ts'
import { createKey } from '../../schema/keys.ts'
import { type CheckWorld, givenOut, putBudget, startWorld, until, use } from './start.ts'

let world: CheckWorld

beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

/** 1,000 tokens in and 4,000 out: 0.003 + 0.06. */
const CALL = { model: 'claude-sonnet-4-6', estimate: { input_tokens: '1000', max_output_tokens: '4000' } }
const tenant = (name: string) => ({ 'x-aforo-tenant': name })

describe('a check', () => {
  test('lets a customer without budgets through, and denies one that nobody knows', async () => {
    const { body } = await world.check({ customer: 'acme' })
    expect(body).toMatchObject({ decision: 'allow', reason: 'within_budget', source: 'live' })
    const unknown = await world.check({ customer: 'stranger' })
    expect(unknown).toMatchObject({ status: 200, body: { decision: 'deny', reason: 'unknown_customer' } })
  })

  test('tells what is left, and learns of usage without being asked again', async () => {
    await putBudget(world.database.pool, 'live', { scope: { session: '*' }, limit: '5', unit: 'tokens' })
    await world.check({ customer: 'acme', session: 's1' })
    await until(async () => (await world.check({ customer: 'acme', session: 's1' })).body.budget === 'live')
    await use(world.database.pool, 'live', ['s1'], '2')
    await until(async () => (await world.check({ customer: 'acme', session: 's1' })).body.remaining === '3')
    await use(world.database.pool, 'live', ['s1'], '4')
    await until(async () => (await world.check({ customer: 'acme', session: 's1' })).body.decision === 'deny')
    expect((await world.check({ customer: 'acme', session: 's1' })).body).toMatchObject({
      reason: 'budget_exhausted',
      budget: 'live',
      remaining: '0',
      unit: 'tokens',
    })
    expect((await world.check({ customer: 'acme', session: 's2' })).body.decision).toBe('allow')
  })

  test('stops a session, and lets it go on', async () => {
    const stopped = await world.post('/v1/sessions/loop/kill', { reason: 'runaway' })
    expect(stopped).toEqual({ status: 200, body: { kind: 'session', id: 'loop', killed: true } })
    const session = { customer: 'acme', session: 'loop' }
    expect((await world.check(session)).body).toMatchObject({ decision: 'deny', reason: 'killed' })
    await world.post('/v1/sessions/loop/lift')
    expect((await world.check(session)).body.decision).toBe('allow')
  })
})

describe('a hold', () => {
  test('takes the worst case of every budget, shrinks to what was used, and ends once', async () => {
    const { pool } = world.database
    await putBudget(pool, 'money', { scope: { agent: 'writer' }, limit: '0.1' })
    await putBudget(pool, 'calls', { scope: { agent: 'writer' }, limit: '2', unit: 'model_calls' })
    await until(
      async () => (await world.check({ customer: 'acme', agent: 'writer' })).body.budget !== undefined,
    )
    const asked = { customer: 'acme', agent: 'writer', reserve: true, ...CALL }
    const first = (await world.check(asked)).body
    expect(first).toMatchObject({ decision: 'allow', source: 'lease', held_by: 'price', remaining: '0.037' })
    expect((await world.check(asked)).body).toMatchObject({
      decision: 'deny',
      budget: 'money',
      remaining: '0.037',
    })
    const actual = { input_tokens: 1000, output_tokens: 100 }
    const settled = await world.post(`/v1/holds/${first.hold_id}/settle`, { actual })
    expect(settled.body).toEqual({ hold_id: first.hold_id, state: 'settled', late: false, source: 'live' })
    expect(await world.post(`/v1/holds/${first.hold_id}/settle`, { actual })).toEqual(settled)
    // 0.0045 of it is held until the span arrives.
    const second = (await world.check(asked)).body
    expect(second).toMatchObject({ decision: 'allow', remaining: '0' })
    expect((await world.check(asked)).body).toMatchObject({ decision: 'deny' })
    await world.post(`/v1/holds/${second.hold_id}/release`)
    expect((await world.check(asked)).body).toMatchObject({ decision: 'allow' })
    const { leased, leases, held } = await givenOut(pool)
    expect(Number(leased)).toBeCloseTo(Number(leases) + Number(held), 9)
  })

  test('is the same one for the same key, and not for another request', async () => {
    const asked = { customer: 'acme', reserve: true, idempotency_key: 'k1', ...CALL }
    const first = await world.check(asked)
    expect(await world.check(asked)).toEqual(first)
    expect(await world.check({ ...asked, ttl_ms: 5000 })).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    })
  })

  test('is named by the header of a request as well', async () => {
    const call = { ...CALL, customer: 'acme', reserve: true }
    const named = (key: string, body: object) => world.check(body, { 'idempotency-key': key })
    const first = await named('of a header', call)
    expect(first.body.hold_id).toMatch(/^hold_/)
    expect((await named('of a header', call)).body).toEqual(first.body)
    expect((await world.check({ ...call, idempotency_key: 'of a header' })).body).toEqual(first.body)
    expect((await named('of a header', { ...call, ttl_ms: 5_000 })).status).toBe(409)
    const { body } = await named('of a header', { ...call, idempotency_key: 'another' })
    expect(body.faults).toMatchObject([{ path: '/idempotency_key' }])
  })

  test('of another tenant is as unknown as one that never was', async () => {
    const { hold_id } = (await world.check({ customer: 'acme', reserve: true, ...CALL })).body
    const foreign = await world.post(`/v1/holds/${hold_id}/settle`, {}, tenant('other'))
    const never = await world.post('/v1/holds/never/settle', {}, tenant('other'))
    expect(foreign).toEqual(never)
    expect(foreign.status).toBe(404)
    expect((await world.post(`/v1/holds/${hold_id}/release`)).body.state).toBe('released')
  })
})

describe('a session whose user chose its name', () => {
  test.each([
    ['long', 's'.repeat(600)],
    ['long beyond ASCII', '漢'.repeat(600)],
    ['of control characters', 'a\n\u0000b'],
    ['no text that can be encoded', 'a\ud800'],
  ])(
    'is asked about, watched and stopped as its spans are counted, where that is %s',
    async (what, session) => {
      const { pool } = world.database
      await putBudget(pool, `of ${what}`, { scope: { session: '*' }, limit: '7', unit: 'tokens' })
      // As the journal keeps it of a span.
      await use(pool, `of ${what}`, [storable(session)], '7')
      const { status, body } = await world.check({ customer: 'acme', session, ...CALL, reserve: true })
      expect([status, body.decision, body.reason]).toEqual([200, 'deny', 'budget_exhausted'])
      const other = `${session} other`
      expect((await world.check({ customer: 'acme', session: other })).body.decision).toBe('allow')
      if (!other.isWellFormed()) return
      expect((await world.post(`/v1/sessions/${encodeURIComponent(other)}/kill`)).status).toBe(200)
      expect((await world.check({ customer: 'acme', session: other })).body.reason).toBe('killed')
      const stopped = new AbortController()
      const watch = await fetch(`${world.url}/v1/watch?customer=acme&session=${encodeURIComponent(other)}`, {
        signal: stopped.signal,
      })
      const { value } = await watch.body!.pipeThrough(new TextDecoderStream()).getReader().read()
      expect(value).toContain('killed')
      stopped.abort()
    },
  )
})

describe('bad input', () => {
  test.each([
    ['no customer', {}, '/customer'],
    ['an empty session', { customer: 'acme', session: '' }, '/session'],
    ['a control character', { customer: 'a\u0000b' }, '/customer'],
    ['a negative estimate', { customer: 'acme', estimate: { input_tokens: '-1' } }, '/estimate/input_tokens'],
    [
      'a huge estimate',
      { customer: 'acme', estimate: { input_tokens: '9'.repeat(13) } },
      '/estimate/input_tokens',
    ],
    ['part of a token', { customer: 'acme', estimate: { input_tokens: 1.5 } }, '/estimate/input_tokens'],
    ['work of no calls', { customer: 'acme', estimate: { model_calls: '0' } }, '/estimate/model_calls'],
    ['work that is none', { customer: 'acme', work: 'yes' }, '/work'],
    ['a hold for a second less', { customer: 'acme', ttl_ms: 999 }, '/ttl_ms'],
    ['a hold for more than a day', { customer: 'acme', ttl_ms: 86_400_001 }, '/ttl_ms'],
    ['a field that is none', { customer: 'acme', sesion: 's' }, '/sesion'],
  ])('%s is told by field', async (_, body, path) => {
    const { status, body: problem } = await world.check(body)
    expect(status).toBe(400)
    expect(problem).toMatchObject({ code: 'invalid_argument', faults: [{ path }] })
  })

  test('what is no JSON, or too large, is refused', async () => {
    expect(await world.check('{"customer":')).toMatchObject({ status: 400 })
    expect(await world.check('[]')).toMatchObject({ status: 400 })
    const large = JSON.stringify({ customer: 'acme', session: 'x'.repeat(65_536) })
    expect(await world.check(large)).toMatchObject({ status: 413, body: { code: 'body_too_large' } })
  })

  test('a path that is none is not found', async () => {
    expect(await world.post('/v1/nothing')).toMatchObject({ status: 404 })
    expect(await world.post('/v1/holds/%E0%A4%A/settle')).toMatchObject({ status: 400 })
  })
})

test('a key opens its own tenant, in its own role', async () => {
  const check = await createKey(world.database.pool, { tenantId: 'locked', role: 'check' })
  const ingest = await createKey(world.database.pool, { tenantId: 'locked', role: 'ingest' })
  const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` })
  await until(async () => (await world.check({ customer: 'acme' })).status === 401)
  expect(await world.check({ customer: 'acme' }, bearer(check.secret))).toMatchObject({
    status: 200,
    body: { reason: 'unknown_customer' },
  })
  expect(await world.check({ customer: 'acme' }, bearer(ingest.secret))).toMatchObject({ status: 403 })
  expect(
    await world.check({ customer: 'acme' }, { ...bearer(check.secret), ...tenant('default') }),
  ).toMatchObject({
    status: 403,
  })
})

import { afterAll, beforeAll, expect, test } from 'vitest'
import { SILENT } from '../../core/log.ts'
import { createKey } from '../../schema/keys.ts'
import { createHttpCentre, refuseBadKey } from '../../sidecar/centre/http-centre.ts'
import { startRelay } from '../support/relay.ts'
import {
  type CheckWorld,
  givenOut,
  post,
  putBudget,
  startCheckOver,
  startSidecar,
  startWorld,
  until,
  use,
} from './start.ts'

let world: CheckWorld

beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const CALL = { model: 'claude-sonnet-4-6', estimate: { input_tokens: '1000', max_output_tokens: '4000' } }

test('a sidecar answers as its centre does, and leaves nothing held', async () => {
  const { pool } = world.database
  await putBudget(pool, 'shared', { scope: { product: 'bot' }, limit: '0.2' })
  const sidecar = await startSidecar(world.url)
  const url = `http://127.0.0.1:${sidecar.port}`
  const asked = { customer: 'acme', product: 'bot', reserve: true, ...CALL }
  await until(
    async () => (await post(url, '/v1/check', { customer: 'acme', product: 'bot' })).body.budget === 'shared',
  )
  const [here, there, third] = [
    (await post(url, '/v1/check', asked)).body,
    (await world.check(asked)).body,
    (await post(url, '/v1/check', asked)).body,
  ]
  expect([here, there, third].map(({ decision }) => decision)).toEqual(['allow', 'allow', 'allow'])
  expect((await post(url, '/v1/check', asked)).body).toMatchObject({
    decision: 'deny',
    reason: 'budget_exhausted',
  })
  const metrics = await (await fetch(`${url}/metrics`)).text()
  expect(metrics).toMatch(/^aforo_check_leases\{unit="price"\} 1$/m)
  expect(metrics).toMatch(/^aforo_check_leased_amount\{unit="price"\} 0/m)
  // A hold may be ended wherever it was not taken.
  await until(async () => (await world.post(`/v1/holds/${here.hold_id}/release`)).status === 200)
  expect((await post(url, `/v1/holds/${there.hold_id}/release`)).body).toMatchObject({ state: 'released' })
  expect((await post(url, `/v1/holds/${third.hold_id}/settle`, {})).body).toMatchObject({ state: 'settled' })
  await use(pool, 'shared', [], '0.1')
  await until(
    async () =>
      (await post(url, '/v1/check', { customer: 'acme', product: 'bot' })).body.remaining === '0.037',
  )
  await sidecar.stop()
  await until(async () => (await givenOut(pool)).leased === '0.063')
  await until(
    async () => (await world.check({ customer: 'acme', product: 'bot' })).body.remaining === '0.037',
  )
})

test('a kill at the centre stops what a sidecar lets through', async () => {
  const sidecar = await startSidecar(world.url)
  const check = () =>
    post(`http://127.0.0.1:${sidecar.port}`, '/v1/check', { customer: 'acme', session: 'far' })
  expect((await check()).body.decision).toBe('allow')
  await world.post('/v1/sessions/far/kill')
  await until(async () => (await check()).body.reason === 'killed')
  await sidecar.stop()
})

test('without its centre a sidecar does what each budget says, and settles the difference afterwards', async () => {
  const { pool } = world.database
  await putBudget(pool, 'closed', { scope: { session: 'closed' }, limit: '1', on_outage: 'closed' })
  await putBudget(pool, 'open', { scope: { session: 'open' }, limit: '1', on_outage: 'open' })
  await putBudget(pool, 'bounded', { scope: { session: 'bounded' }, limit: '1', on_outage: 'bounded' })
  await putBudget(pool, 'spent', { scope: { session: 'spent' }, limit: '1', on_outage: 'open' })
  await use(pool, 'spent', [], '1')
  const upstream = await startCheckOver(pool)
  const relay = await startRelay(upstream.port)
  const sidecar = await startSidecar(`http://127.0.0.1:${relay.port}`)
  const check = async (session: string, more: object = {}) =>
    (await post(`http://127.0.0.1:${sidecar.port}`, '/v1/check', { customer: 'acme', session, ...more })).body
  for (const session of ['closed', 'open', 'bounded', 'spent']) {
    await until(async () => (await check(session)).budget === session)
  }
  const kept = await check('bounded', { reserve: true, ...CALL })
  const named = await check('bounded', { reserve: true, idempotency_key: 'named', ...CALL })
  await upstream.stop()
  await until(async () => (await check('closed')).source === 'last_known')
  expect(await check('closed')).toMatchObject({ decision: 'deny', reason: 'stale' })
  expect((await check('closed')).age_ms).toBeGreaterThanOrEqual(2_000)
  expect(await check('spent')).toMatchObject({
    decision: 'deny',
    reason: 'budget_exhausted',
    source: 'last_known',
  })
  const uncovered = await check('open', { reserve: true, ...CALL })
  expect(uncovered).toMatchObject({ decision: 'allow', source: 'last_known' })
  const settled = await post(`http://127.0.0.1:${sidecar.port}`, `/v1/holds/${kept.hold_id}/settle`, {
    actual: { price: '0.01' },
  })
  expect(settled.body).toMatchObject({ state: 'settled', source: 'last_known' })
  const end = (id: string) => post(`http://127.0.0.1:${sidecar.port}`, `/v1/holds/${id}/release`)
  expect((await end(named.hold_id)).body).toMatchObject({ state: 'released', source: 'last_known' })
  // Only its own are known to be real: by their number, or by the key they were taken with.
  const notYet = kept.hold_id.replace(/_[^_]+$/, '_zzzz')
  for (const id of ['strange', notYet]) expect([id, (await end(id)).status]).toEqual([id, 503])
  const again = await startCheckOver(pool)
  relay.turn(again.port)
  await until(async () => (await check('closed')).decision === 'allow')
  const states = async () =>
    (
      await pool.query(
        `select hold_id, state, trim_scale(held)::text as held from aforo_store.budget_holds
         left join aforo_store.budget_hold_takes using (tenant_id, hold_id) where hold_id = any($1)`,
        [[kept.hold_id, uncovered.hold_id]],
      )
    ).rows
  await until(async () => (await states()).length === 2)
  await until(async () =>
    (await states()).some(
      ({ hold_id, state, held }) => hold_id === kept.hold_id && state === 'settled' && held === '0.01',
    ),
  )
  expect(await states()).toContainEqual({ hold_id: uncovered.hold_id, state: 'active', held: '0' })
  await sidecar.stop()
  await relay.stop()
  await again.stop()
})

test('a bounded budget lets through out of a live lease while the centre is away, no more, and settles the difference', async () => {
  const { pool } = world.database
  await putBudget(pool, 'calls', { scope: { session: 'cut' }, unit: 'model_calls', limit: '40' })
  // Stopping a server may take as long as a lease is kept without use; the network is cut at once.
  const relay = await startRelay(Number(new URL(world.url).port))
  const sidecar = await startSidecar(`http://127.0.0.1:${relay.port}`)
  const url = `http://127.0.0.1:${sidecar.port}`
  const ask = async () =>
    (await post(url, '/v1/check', { customer: 'acme', session: 'cut', reserve: true, ...CALL })).body
  await until(
    async () => (await post(url, '/v1/check', { customer: 'acme', session: 'cut' })).body.budget === 'calls',
  )
  const live = await Promise.all([ask(), ask(), ask()])
  const freeOf = async () => {
    const text = await (await fetch(`${url}/metrics`)).text()
    const amountOf = (name: string) =>
      Number(new RegExp(`^${name}\\{unit="model_calls"\\} (\\S+)$`, 'm').exec(text)?.[1] ?? 0)
    return amountOf('aforo_check_leased_amount') - amountOf('aforo_check_leased_held_amount')
  }
  // A sidecar that begins to listen gives back what it was granted before; then its leases grow with what it takes.
  await until(async () => {
    live.push(await ask())
    return (await freeOf()) >= 2
  })
  expect((await ask()).source).toBe('lease')
  relay.hang(true)
  const away: Awaited<ReturnType<typeof ask>>[] = []
  await until(async () => {
    away.push(await ask())
    return away.at(-1).source === 'last_known' && away.at(-1).decision === 'deny'
  })
  const isIn = ({ decision }: { decision: string }) => decision === 'allow'
  expect(away.filter(isIn).length).toBeGreaterThan(0)
  expect(away.at(-1)).toMatchObject({ decision: 'deny', reason: 'stale' })
  const admitted = 1 + [...live, ...away].filter(isIn).length
  expect(admitted).toBeLessThanOrEqual(40)
  relay.hang(false)
  const heldOf = async () =>
    (
      await pool.query(
        `select count(*)::integer as holds, sum(held)::integer as held from aforo_store.budget_hold_takes
         where budget_id = 'calls'`,
      )
    ).rows[0]
  await until(async () => (await heldOf()).holds === admitted)
  expect(await heldOf()).toEqual({ holds: admitted, held: admitted })
  expect((await ask()).decision).toBe('allow')
  await sidecar.stop()
  await relay.stop()
})

test('a sidecar with a wrong key does not start; one with a right key lends it to its own machine', async () => {
  const { pool } = world.database
  const { secret } = await createKey(pool, { tenantId: 'default', role: 'check' })
  await until(async () => (await world.check({ customer: 'acme' })).status === 401)
  const wrong = createHttpCentre({ upstream: world.url, key: 'wrong', lendsKey: true, log: SILENT })
  await expect(refuseBadKey(wrong)).rejects.toMatchObject({ code: 'unauthenticated' })
  const sidecar = await startSidecar(world.url, secret)
  const { body } = await post(`http://127.0.0.1:${sidecar.port}`, '/v1/check', { customer: 'acme' })
  expect(body).toMatchObject({ decision: 'allow' })
  const other = await createKey(pool, { tenantId: 'other', role: 'check' })
  const foreign = await post(
    `http://127.0.0.1:${sidecar.port}`,
    '/v1/check',
    { customer: 'acme' },
    {
      authorization: `Bearer ${other.secret}`,
    },
  )
  expect(foreign.status).toBe(401)
  await sidecar.stop()
})

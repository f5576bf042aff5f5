import { afterAll, beforeAll, expect, test } from 'vitest'
import { AforoError } from '../../core/errors.ts'
import {
  ADMISSION_AWAY_MS_MAX,
  ADMISSION_MS_MAX,
  ADMISSION_WAIT_MS,
  Admission,
} from '../../sidecar/server/admission.ts'
import { AWAY_MS } from '../../sidecar/view/tenant-view.ts'
import { type Relay, startRelay } from '../support/relay.ts'
import { type CheckWorld, post, putBudget, startSidecar, startWorld, until } from './start.ts'

const CALL = { estimate: { input_tokens: '10', max_output_tokens: '10' } }

let world: CheckWorld
let relay: Relay
let sidecar: Awaited<ReturnType<typeof startSidecar>>

beforeAll(async () => {
  world = await startWorld()
  const { pool } = world.database
  await putBudget(pool, 'closed', { scope: { session: 'closed' }, on_outage: 'closed' })
  await putBudget(pool, 'open', { scope: { session: 'open' }, on_outage: 'open' })
  await putBudget(pool, 'bounded', { scope: { session: 'bounded' } })
  relay = await startRelay(Number(new URL(world.url).port))
  sidecar = await startSidecar(`http://127.0.0.1:${relay.port}`)
})
afterAll(async () => {
  relay.hang(false)
  await sidecar.stop()
  await relay.stop()
  await world.stop()
})

const check = async (session: string, more: object = {}) => {
  const url = `http://127.0.0.1:${sidecar.port}`
  return (await post(url, '/v1/check', { customer: 'acme', session, ...more })).body
}

test('while the network takes everything and answers nothing, a check is answered by what is known, at once', async () => {
  for (const session of ['closed', 'open', 'bounded']) {
    expect((await check(session, { reserve: true, model: 'claude-sonnet-4-6', ...CALL })).decision).toBe(
      'allow',
    )
  }
  // What was known is in doubt from here on.
  await putBudget(world.database.pool, 'other', { scope: { session: 'other' } })
  relay.hang(true)
  await until(async () => (await check('closed')).reason === 'stale')
  const began = performance.now()
  const held = { reserve: true, model: 'claude-sonnet-4-6', ...CALL }
  expect(await check('closed', held)).toMatchObject({
    decision: 'deny',
    reason: 'stale',
    source: 'last_known',
  })
  expect(await check('open', held)).toMatchObject({ decision: 'allow', source: 'last_known' })
  expect(await check('open', { ...held, model: 'claude-opus-4-6' })).toMatchObject({ decision: 'allow' })
  expect(await check('bounded', { ...held, model: 'claude-opus-4-6' })).toMatchObject({ reason: 'stale' })
  expect(await check('nobody asked about')).toMatchObject({ source: 'last_known' })
  // One wait of two seconds alone would be more.
  expect(performance.now() - began).toBeLessThan(AWAY_MS)
  relay.hang(false)
  await until(async () => (await check('closed', held)).decision === 'allow')
})

test('a key that was let in is not waited for while nobody answers, and is refused once somebody does', async () => {
  let now = 0
  let answer: (isIn: boolean) => void = () => {}
  const authorise = () =>
    new Promise<string>((resolve, reject) => {
      answer = (isIn) => (isIn ? resolve('default') : reject(new AforoError('unauthenticated', 'revoked')))
    })
  const admission = new Admission({ authorise }, () => now)
  const admit = () => admission.admit({ authorization: 'Bearer k' }, 'check')
  const first = admit()
  answer(true)
  expect(await first).toBe('default')
  now = ADMISSION_MS_MAX
  const began = performance.now()
  expect(await admit()).toBe('default')
  expect(performance.now() - began).toBeGreaterThanOrEqual(ADMISSION_WAIT_MS - 10)
  expect(admit()).toBe('default')
  answer(false)
  await new Promise((resolve) => setImmediate(resolve))
  const again = admit()
  answer(false)
  await expect(again).rejects.toMatchObject({ code: 'unauthenticated' })
  expect(ADMISSION_AWAY_MS_MAX).toBeGreaterThan(ADMISSION_MS_MAX)
})

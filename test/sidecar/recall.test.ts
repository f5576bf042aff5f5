import { afterAll, beforeAll, expect, test } from 'vitest'
import { readUses } from '../../api/queries/budgets.ts'
import type { Budget } from '../../core/budget.ts'
import { endBudget } from '../../schema/budgets/define.ts'
import { recordGrant } from '../../schema/ledger/grant.ts'
import { voidGrant } from '../../schema/ledger/void.ts'
import { transaction } from '../../schema/pool.ts'
import type { RunningCheck } from '../../sidecar/check.ts'
import { startRelay } from '../support/relay.ts'
import { type CheckWorld, givenOut, post, putBudget, startSidecar, startWorld, until } from './start.ts'

/*
 * Two sidecars have leases of a budget, one of them is cut off, and the limit falls below what is given out. The leases
 * are ample, as those of sidecars are that were asked much of late.
 */

let world: CheckWorld
let near: RunningCheck
let far: RunningCheck
let relay: Awaited<ReturnType<typeof startRelay>>

beforeAll(async () => {
  world = await startWorld()
  relay = await startRelay(Number(new URL(world.url).port))
  near = await startSidecar(world.url)
  far = await startSidecar(`http://127.0.0.1:${relay.port}`)
})
afterAll(async () => {
  await near.stop()
  await far.stop()
  await relay.stop()
  await world.stop()
})

const asked = (session: string) => ({
  customer: 'acme',
  session,
  reserve: true,
  model: 'claude-sonnet-4-6',
  estimate: { input_tokens: '10', max_output_tokens: '10' },
})
const at = (sidecar: RunningCheck) => `http://127.0.0.1:${sidecar.port}`
const ask = async (sidecar: RunningCheck, session: string) =>
  (await post(at(sidecar), '/v1/check', asked(session))).body

/** What leases have of a budget's counter, and what holds hold of it. */
async function out(budgetId: string): Promise<{ leases: number; held: number; leased: number }> {
  const { rows } = await world.database.pool.query(
    `select coalesce((select sum(amount) from aforo_store.budget_leases where budget_id = $1), 0)::float as leases,
       coalesce((select sum(held) from aforo_store.budget_hold_takes where budget_id = $1), 0)::float as held,
       coalesce((select sum(leased) from aforo_store.budget_counters where budget_id = $1), 0)::float as leased`,
    [budgetId],
  )
  return rows[0]
}

/** As the API shows it. */
async function useOf(budgetId: string, budget: Partial<Budget>) {
  const body: Budget = { scope: {}, unit: 'price', limit: '0', window: 'lifetime', mode: 'hard', ...budget }
  const uses = await transaction(world.database.pool, (client) =>
    readUses(client, 'default', { budgetId, counting: 1, body }, { after: null, rows: 1 }, new Date()),
  )
  return uses[0]!
}

/** What SQL tells of what is beyond. */
async function statusOf(budgetId: string) {
  const { pool } = world.database
  await pool.query(
    `insert into aforo_store.login_tenants (login, tenant_id) values (current_user, 'default') on conflict do nothing`,
  )
  const { rows } = await pool.query<{ beyond: string; until: string | null }>(
    `select trim_scale(beyond)::text as beyond, beyond_until::text as until from aforo.budget_status where budget = $1`,
    [budgetId],
  )
  return rows[0]
}

/** Asks until the sidecar has more leased than it holds. */
async function fill(sidecar: RunningCheck, session: string, budgetId: string, more: number): Promise<void> {
  const before = (await out(budgetId)).leases
  await until(async () => {
    const answers = await Promise.all(Array.from({ length: 4 }, () => ask(sidecar, session)))
    expect(answers.map(({ decision }) => decision)).not.toContain('deny')
    return (await out(budgetId)).leases >= before + more
  })
}

test('a limit that is lowered brings back at once what no hold has taken, but from a sidecar that is cut off', async () => {
  const { pool } = world.database
  const budget = { scope: { session: 'fallen' }, unit: 'model_calls', on_outage: 'bounded' } as const
  await putBudget(pool, 'fallen', { ...budget, limit: '1000' })
  await until(async () => (await ask(near, 'fallen')).budget === 'fallen')
  await until(async () => (await ask(far, 'fallen')).budget === 'fallen')
  await fill(far, 'fallen', 'fallen', 8)
  await fill(near, 'fallen', 'fallen', 8)
  relay.hang(true)
  const { rows } = await pool.query(
    `select sidecar_id, amount::float as amount from aforo_store.budget_leases where budget_id = 'fallen'`,
  )
  expect(rows.length).toBeGreaterThanOrEqual(2)
  const before = await out('fallen')
  await putBudget(pool, 'fallen', { ...budget, limit: '1' })
  const loweredAt = performance.now()
  // Nobody asks the sidecar that heard of it: it gives back by itself, long before two seconds without use.
  await until(async () => (await out('fallen')).leases < before.leases)
  await until(async () => {
    const { rows: left } = await pool.query(
      `select sidecar_id from aforo_store.budget_leases where budget_id = 'fallen' and amount > 0`,
    )
    return left.length <= 1
  })
  expect(performance.now() - loweredAt).toBeLessThan(1_500)
  expect(await ask(near, 'fallen')).toMatchObject({ decision: 'deny', reason: 'budget_exhausted' })
  expect((await world.check(asked('fallen'))).body).toMatchObject({
    decision: 'deny',
    reason: 'budget_exhausted',
  })
  // Nothing admitted was taken back, and what is out is that and the lease of the one that is cut off.
  const after = await out('fallen')
  expect(after.held).toBeGreaterThanOrEqual(before.held)
  expect(after.leased).toBe(after.held + after.leases)
  const shown = await useOf('fallen', { ...budget, limit: '1' })
  expect(Number(shown.held)).toBe(after.held)
  expect(Number(shown.beyond)).toBe(after.leased - 1)
  const lastMs = Date.parse(shown.beyondUntil!) - Date.now()
  expect(lastMs, 'until all leases of before are over').toBeGreaterThan(100_000)
  expect(lastMs).toBeLessThanOrEqual(130_000)
  expect(await statusOf('fallen')).toEqual({ beyond: shown.beyond, until: shown.beyondUntil })
  relay.hang(false)
  await until(async () => (await ask(far, 'fallen')).reason === 'budget_exhausted')
  await until(async () => (await out('fallen')).leases === 0)
  const { beyond, beyondUntil } = await useOf('fallen', { ...budget, limit: '1000' })
  expect([beyond, beyondUntil]).toEqual(['0', null])
  await putBudget(pool, 'fallen', { ...budget, limit: '1000' })
  expect(await statusOf('fallen')).toEqual({ beyond: '0', until: null })
}, 30_000)

test('so does a budget that ends', async () => {
  const { pool } = world.database
  await putBudget(pool, 'ended', { scope: { session: 'ended' }, unit: 'model_calls', limit: '1000' })
  await until(async () => (await ask(near, 'ended')).budget === 'ended')
  await fill(near, 'ended', 'ended', 8)
  await transaction(pool, (client) => endBudget(client, 'default', 'ended', new Date()))
  const endedAt = performance.now()
  await until(async () => (await out('ended')).leases === 0)
  expect(performance.now() - endedAt).toBeLessThan(1_500)
  await until(async () => {
    const { decision, budget } = await ask(near, 'ended')
    expect(decision).toBe('allow')
    return budget === undefined
  })
  const { leased, leases, held } = await givenOut(pool)
  expect(Number(leased)).toBeCloseTo(Number(leases) + Number(held))
})

test('and a wallet whose grant is taken back, though nobody asks', async () => {
  const { pool } = world.database
  const wallet = { tenantId: 'default', customerId: 'acme' }
  const grant = { amount: '1000', kind: 'promo', priority: 0, effectiveAt: null, expiresAt: null } as const
  const grantId = await transaction(pool, (client) => recordGrant(client, wallet, grant, new Date()))
  await putBudget(pool, 'wallet', {
    scope: { customer: '*' },
    unit: 'credits',
    limit: 'balance',
    estimate: '1',
  })
  await until(async () => (await ask(near, 'wallet')).budget === 'wallet')
  await fill(near, 'wallet', 'wallet', 0.05)
  await transaction(pool, (client) => voidGrant(client, wallet, grantId, new Date()))
  const voidedAt = performance.now()
  await until(async () => (await out('wallet')).leases === 0)
  expect(performance.now() - voidedAt).toBeLessThan(1_500)
  expect(await ask(near, 'wallet')).toMatchObject({ decision: 'deny', reason: 'wallet_empty' })
})

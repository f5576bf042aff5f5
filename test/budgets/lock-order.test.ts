import { afterAll, beforeAll, expect, test } from 'vitest'
import { asAforoError } from '../../core/errors.ts'
import { endOverdueHolds, exchange } from '../../schema/budgets/holds.ts'
import { givenOut } from '../sidecar/start.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { callOf, noon } from '../support/usages.ts'
import { openWorld, type World } from './world.ts'

/**
 * Sidecars that tell of holds, projectors that end them by their spans and move counters, raters, and who ends what is
 * overdue, all at once over the same counters: whoever is told to try again loses nothing, and need not try for long.
 */

const BUDGETS = ['a', 'b', 'c', 'd', 'e', 'f']
const TRIES_MAX = 5
const TRACES = 40

let db: TestDatabase
let world: World
beforeAll(async () => {
  db = await testDatabase()
  world = await openWorld(db.pool)
  for (const [no, id] of BUDGETS.entries()) {
    const scope = no % 2 === 0 ? { customer: '*' } : {}
    await world.budget(0, id, { scope, unit: no % 3 === 0 ? 'tokens' : 'model_calls', limit: '1000000' })
  }
})
afterAll(() => db.drop())

let retries = 0
let most = 0
/** Again as long as it is told that it may be tried again. */
async function persist<T>(run: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await run()
    } catch (error) {
      if (!asAforoError(error).retryable || tries === TRIES_MAX) throw error
      retries += 1
      most = Math.max(most, tries + 1)
    }
  }
}

const NOBODY = { customer: 'acme', product: null, agent: null, session: null, trace: null }
const keyOf = (budgetId: string, no: number) => ({
  budgetId,
  counting: 1,
  subject: no % 2 === 0 ? '["acme"]' : '[]',
  windowStart: '-infinity',
})

/** Holds of all budgets, told in an order of its own, of calls whose spans may be here already. */
async function sidecar(sidecarId: string, turn: number, holdIds: readonly string[]): Promise<void> {
  const keys = BUDGETS.map(keyOf)
  const turned = [...keys.slice(turn % keys.length), ...keys.slice(0, turn % keys.length)]
  const order = (target: string) =>
    turned.map((counter) => ({ counter, leaseId: null, target, need: target, least: '1' }))
  const tell = (seq: number, more: object) =>
    persist(() =>
      exchange(db.pool, 'default', { sidecarId, seq, holds: [], ends: [], orders: [], ...more }, noon(1)),
    )
  const { grants } = await tell(1, { orders: order('200') })
  const holds = holdIds.map((holdId) => ({
    holdId,
    spender: NOBODY,
    model: null,
    heldBy: 'price',
    takes: grants.map(({ counter, leaseId }) => ({ counter, leaseId, amount: '2' })),
    card: { price: null, cogs: null, credits: null, contextTokens: null },
    msLeft: 60_000,
    end: null,
  }))
  for (const [i, hold] of holds.entries()) await tell(i + 2, { holds: [hold] })
  await tell(holds.length + 2, { orders: order('0') })
}

test('everybody who changes counters at once gets through within a few tries, and nothing is lost', async () => {
  const ids = Array.from({ length: TRACES }, (_, no) => `hold${no}`)
  const push = async () => {
    for (const [no, holdId] of ids.entries()) {
      await world.push(1, callOf(`t${no}`, 'root', { holdId, customer: no % 2 === 0 ? 'acme' : 'globex' }))
    }
  }
  let isOver = false
  const until = async (run: () => Promise<unknown>) => {
    while (!isOver) await persist(run)
  }
  const others = [
    until(() => world.project(2)),
    until(() => world.project(2)),
    until(() => endOverdueHolds(db.pool, noon(2))),
    until(() => world.cut(10)),
    until(() => world.rate(10)),
    until(() => world.rate(10)),
  ]
  await Promise.all([
    push(),
    ...[0, 1, 2, 3].map((no) =>
      sidecar(
        `s${no}`,
        no,
        ids.filter((_, i) => i % 4 === no),
      ),
    ),
  ])
  isOver = true
  await Promise.all(others)
  for (const seconds of [20, 21, 60]) {
    while ((await world.project(seconds)) > 0);
    while ((await world.cut(seconds)) > 0);
    while ((await world.rate(seconds)) > 0);
  }
  expect(most, `tries of ${retries} that were told to try again`).toBeLessThanOrEqual(TRIES_MAX)
  expect(await world.used('b')).toEqual({ '[]': String(TRACES) })
  expect(await world.used('a')).toEqual({
    '["acme"]': String(TRACES * 60),
    '["globex"]': String(TRACES * 60),
  })
  const { rows } = await db.pool.query(
    `select state, settled_by, count(*)::integer as holds from aforo_store.budget_holds group by 1, 2`,
  )
  expect(rows).toEqual([{ state: 'settled', settled_by: 'span', holds: TRACES }])
  expect(await givenOut(db.pool)).toEqual({ leased: '0', leases: '0', held: '0' })
  expect(await world.gaps(60)).toEqual([])
})

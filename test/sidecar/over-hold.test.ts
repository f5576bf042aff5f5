import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { registerGivenOut } from '../../cmd/check/given-out-metrics.ts'
import type { Actual } from '../../core/lease.ts'
import { SILENT } from '../../core/log.ts'
import { HOLD_GRACE_MS } from '../../schema/budgets/book-holds.ts'
import { endOverdueHolds, exchange } from '../../schema/budgets/holds.ts'
import { openWorld, type World } from '../budgets/world.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { callOf, noon, otherOf, spanIdOf } from '../support/usages.ts'

/** What was used beyond a hold is told by the span that ends it, whichever of the two is heard of first. */

let db: TestDatabase
let world: World

const RATES = { call: '0', input: '0.00001', output: '0.00002', tool: '0' }
const CARD = { price: RATES, cogs: null, credits: null, contextTokens: null }
const key = (budgetId: string) => ({ budgetId, counting: 1, subject: '[]', windowStart: '-infinity' })
const NOBODY = { customer: 'acme', product: null, agent: null, session: null, trace: null }

beforeAll(async () => {
  db = await testDatabase()
  world = await openWorld(db.pool)
  await world.budget(0, 'tokens', { limit: '10000' })
  await world.budget(0, 'calls', { unit: 'model_calls', limit: '100' })
  await world.budget(0, 'price', { unit: 'price', limit: '10' })
})
afterAll(() => db.drop())

/** A sidecar takes a hold of one call of so many tokens. */
async function take(seconds: number, holdId: string, tokens: string, calls = '1'): Promise<void> {
  const amounts = { tokens, calls, price: '0.002' }
  const orders = Object.entries(amounts).map(([id, target]) => {
    return { counter: key(id), leaseId: null, target, need: target, least: target }
  })
  const told = { sidecarId: `of ${holdId}`, holds: [], ends: [], orders }
  const { grants } = await exchange(db.pool, 'default', { ...told, seq: 1 }, noon(seconds))
  const takes = grants.map(({ counter, leaseId, amount }) => ({ counter, leaseId, amount }))
  const hold = {
    holdId,
    spender: NOBODY,
    model: null,
    heldBy: 'price' as const,
    card: CARD,
    isWork: calls !== '1',
    takes,
    msLeft: 60_000,
    end: null,
  }
  const back = orders.map((order, i) => ({
    ...order,
    leaseId: grants[i]!.leaseId,
    target: '0',
    need: '0',
    least: '0',
  }))
  await exchange(db.pool, 'default', { ...told, seq: 2, holds: [hold], orders: back }, noon(seconds))
}

async function overOf(holdId: string): Promise<Record<string, string>> {
  const { rows } = await db.pool.query(
    `select unit, trim_scale(over)::text as over from aforo_store.budget_hold_takes where hold_id = $1`,
    [holdId],
  )
  return Object.fromEntries(rows.map((row) => [row.unit, row.over]))
}

async function heldOf(holdId: string): Promise<Record<string, string>> {
  const { rows } = await db.pool.query(
    `select unit, trim_scale(held)::text as held from aforo_store.budget_hold_takes where hold_id = $1`,
    [holdId],
  )
  return Object.fromEntries(rows.map((row) => [row.unit, row.held]))
}

const settle = (seconds: number, holdId: string, actual: Actual) =>
  exchange(
    db.pool,
    'default',
    { sidecarId: 's', seq: 1, holds: [], orders: [], ends: [{ holdId, actual }] },
    noon(seconds),
  )

const look = async (seconds: number) => {
  while ((await world.project(seconds)) > 0);
}

// A call of these tests has 100 tokens of input and 20 of output: 0.0014 at the card's rates.
test('a span that stays within its hold exceeds nothing', async () => {
  await take(1, 'within', '120')
  await world.push(2, callOf('within', 'root', { holdId: 'within' }))
  await look(2)
  expect(await overOf('within')).toEqual({ tokens: '0', model_calls: '0', price: '0' })
})

test('what a trace used beyond its hold is noted when its span ends it, and as the trace grows', async () => {
  await take(3, 'beyond', '100')
  await world.push(4, callOf('beyond', 'root', { holdId: 'beyond' }))
  await look(4)
  expect(await overOf('beyond')).toEqual({ tokens: '20', model_calls: '0', price: '0' })
  await world.push(5, callOf('beyond', 'second', { holdId: 'beyond' }), callOf('beyond', 'other'))
  await look(5)
  expect(await overOf('beyond')).toEqual({ tokens: '140', model_calls: '1', price: '0.0008' })
  const { rows } = await db.pool.query(
    `select state, settled_by, actual ->> 'model_calls' as calls from aforo_store.budget_holds where hold_id = 'beyond'`,
  )
  expect(rows).toEqual([{ state: 'settled', settled_by: 'span', calls: '2' }])
})

test('the same where the span is here before its hold', async () => {
  await world.push(6, callOf('early', 'root', { holdId: 'early' }))
  await look(6)
  await take(7, 'early', '90')
  expect(await overOf('early')).toEqual({ tokens: '30', model_calls: '0', price: '0' })
})

test('a settlement that told of less is corrected by the span, one that told of more stays', async () => {
  await take(8, 'settled', '100')
  await settle(8, 'settled', { tokens: '80' })
  await world.push(9, callOf('settled', 'root', { holdId: 'settled' }))
  await look(9)
  expect((await overOf('settled')).tokens).toBe('20')
  await take(10, 'more', '100')
  await settle(10, 'more', { tokens: '150' })
  await world.push(11, callOf('more', 'root', { holdId: 'more' }))
  await look(11)
  expect((await overOf('more')).tokens).toBe('50')
})

test('a call that two instrumentations tell of is one under its hold, and a span without a call tells nothing', async () => {
  await take(12, 'layers', '100')
  const outer = { holdId: 'layers', scopeName: 'outer' }
  const inner = { ...outer, scopeName: 'inner', parentSpanId: spanIdOf('root') }
  await world.push(13, callOf('layers', 'root', outer), callOf('layers', 'inner', inner))
  await look(13)
  expect(await overOf('layers')).toEqual({ tokens: '20', model_calls: '0', price: '0' })
  await take(14, 'silent', '100')
  await world.push(15, otherOf('silent', 'root', { holdId: 'silent', usageClass: 'wrapper' }))
  await look(15)
  expect((await overOf('silent')).tokens).toBe('0')
})

test('a span that is no call leaves the hold of a call that still runs', async () => {
  await take(16, 'running', '120')
  const all = { tokens: '120', model_calls: '1', price: '0.002' }
  await world.push(17, otherOf('running', 'root', { holdId: 'running', usageClass: 'wrapper' }))
  await look(17)
  expect(await heldOf('running')).toEqual(all)
  const tool = {
    usageClass: 'tool',
    toolName: 'db.query',
    toolCallId: 'call_1',
    toolType: 'function',
  } as const
  await world.push(17, otherOf('running', 'tool', { ...tool, holdId: 'running' }))
  await look(17)
  expect(await heldOf('running')).toEqual(all)
  await world.push(18, callOf('running', 'call', { holdId: 'running' }))
  await look(18)
  expect(await heldOf('running')).toEqual({ tokens: '0', model_calls: '0', price: '0' })
})

test('each call of a work takes its part of the hold, and what is left is free once it is over', async () => {
  await take(20, 'work', '1000', '5')
  await world.push(21, callOf('work', 'first', { holdId: 'work' }))
  await look(21)
  expect(await heldOf('work')).toEqual({ tokens: '880', model_calls: '4', price: '0.0006' })
  await world.push(22, callOf('work', 'second', { holdId: 'work' }))
  await look(22)
  expect(await heldOf('work')).toEqual({ tokens: '760', model_calls: '3', price: '0' })
  // It is over; the span of one more call is on its way.
  await settle(23, 'work', { input_tokens: '300', output_tokens: '60', model_calls: '3' })
  expect(await heldOf('work')).toEqual({ tokens: '120', model_calls: '1', price: '0' })
  await world.push(24, callOf('work', 'third', { holdId: 'work' }))
  await look(24)
  expect(await heldOf('work')).toEqual({ tokens: '0', model_calls: '0', price: '0' })
})

test('work that nobody says the usage of holds what its spans have not told of for a few seconds', async () => {
  await take(30, 'silent work', '1000', '5')
  await world.push(31, callOf('silent work', 'first', { holdId: 'silent work' }))
  await look(31)
  await settle(32, 'silent work', {})
  expect((await heldOf('silent work')).tokens).toBe('880')
  await endOverdueHolds(db.pool, noon(32 + HOLD_GRACE_MS / 1_000))
  expect((await heldOf('silent work')).tokens).toBe('0')
})

test('metrics tell what is leased, held and was used beyond what was held', async () => {
  await take(20, 'open', '33')
  await exchange(
    db.pool,
    'default',
    {
      sidecarId: 'lessee',
      seq: 1,
      holds: [],
      ends: [],
      orders: [{ counter: key('tokens'), leaseId: null, target: '7', need: '7', least: '7' }],
    },
    noon(20),
  )
  const registry = new Registry()
  registerGivenOut(registry, db.pool, SILENT)
  const text = await registry.metrics()
  const told = (name: string) => Number(text.match(new RegExp(`^${name}\\{unit="tokens"\\} (.*)$`, 'm'))?.[1])
  expect(told('aforo_budget_leases')).toBe(1)
  expect(told('aforo_budget_leased_amount')).toBe(7)
  expect(told('aforo_budget_held_amount')).toBeGreaterThanOrEqual(33)
  expect(told('aforo_budget_over_holds')).toBe(5)
  expect(told('aforo_budget_over_hold_amount')).toBe(20 + 120 + 30 + 20 + 50 + 20)
  expect(await world.gaps(20)).toEqual([])
})

import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { registerGivenOut } from '../../cmd/check/given-out-metrics.ts'
import { SILENT } from '../../core/log.ts'
import { exchange } from '../../schema/budgets/holds.ts'
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
async function take(seconds: number, holdId: string, tokens: string): Promise<void> {
  const amounts = { tokens, calls: '1', price: '0.002' }
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
  const settle = (holdId: string, tokens: string) =>
    exchange(
      db.pool,
      'default',
      { sidecarId: 's', seq: 1, holds: [], orders: [], ends: [{ holdId, actual: { tokens } }] },
      noon(8),
    )
  await settle('settled', '80')
  await world.push(9, callOf('settled', 'root', { holdId: 'settled' }))
  await look(9)
  expect((await overOf('settled')).tokens).toBe('20')
  await take(10, 'more', '100')
  await settle('more', '150')
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

import { afterAll, beforeAll, expect, test } from 'vitest'
import { Decimal, decimalText, ZERO } from '../../core/money.ts'
import { NO_TOKENS } from '../../core/usage.ts'
import type { RunningCheck } from '../../sidecar/check.ts'
import { openWorld, type World } from '../budgets/world.ts'
import cases from '../oracles/holds.json' with { type: 'json' }
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { callOf } from '../support/usages.ts'
import { post, startCheckOver, until } from './start.ts'

/**
 * What other systems answer of holds by their own tests, asked of a check server: a hold of tokens is taken, settled by
 * call, and its span comes. Here what was used is used, whatever the hold and the limit were: a peer that charges no
 * more than the limit (`capped`) charges what of it the limit covers, and the rest stays known here as what is beyond.
 * Its switch to refuse a settlement above the hold has no like: a settlement is always taken.
 */
interface Oracle {
  readonly id: string
  readonly limit: string
  readonly used?: string
  readonly hold: string
  readonly refused?: true
  readonly actual?: string
  readonly capped?: true
  readonly charged?: string
  readonly released?: string
  readonly debt?: string
  readonly over_limit?: boolean
}

let db: TestDatabase
let world: World
let running: RunningCheck
beforeAll(async () => {
  db = await testDatabase()
  world = await openWorld(db.pool)
  running = await startCheckOver(db.pool)
})
afterAll(async () => {
  await running.stop()
  await db.drop()
})

const url = (path: string) => [`http://127.0.0.1:${running.port}`, path] as const
const check = async (body: object) =>
  (await post(...url('/v1/check'), { customer: 'acme', model: 'claude-sonnet-4-5', ...body })).body

/** Everything that was received is worked out and counts. */
async function look(): Promise<void> {
  while ((await world.project(2)) > 0);
}

const span = (trace: string, agent: string, tokens: string, holdId: string | null) =>
  callOf(trace, 'root', { agent, holdId, buckets: { ...NO_TOKENS, inputUncached: Number(tokens) } })

async function takesOf(holdId: string) {
  const { rows } = await db.pool.query(
    `select trim_scale(held)::text as held, trim_scale(over)::text as over
     from aforo_store.budget_hold_takes where hold_id = $1`,
    [holdId],
  )
  return rows[0]
}

test.each(cases as readonly Oracle[])('$id', async (oracle) => {
  const { id: agent, limit, used, hold, actual } = oracle
  await world.budget(0, agent, { scope: { agent }, limit })
  if (used !== undefined) {
    await world.push(1, span(`${agent} before`, agent, used, null))
    await look()
  }
  const left = decimalText(new Decimal(limit).minus(used ?? 0))
  await until(async () => (await check({ agent })).remaining === left)
  const reserved = await check({
    ...{ agent, reserve: true },
    estimate: { input_tokens: hold, max_output_tokens: '0' },
  })
  if (oracle.refused) {
    expect(reserved).toMatchObject({ decision: 'deny', reason: 'budget_exhausted', remaining: left })
    expect(reserved.hold_id).toBeUndefined()
    return
  }
  const holdId: string = reserved.hold_id
  expect(reserved.decision).toBe('allow')
  const settled = await post(...url(`/v1/holds/${holdId}/settle`), { actual: { tokens: actual } })
  expect(settled).toMatchObject({ status: 200, body: { state: 'settled' } })
  const isBeyond = new Decimal(actual!).greaterThan(hold)
  const shrunk = decimalText(Decimal.min(hold, actual!))
  await until(async () => (await takesOf(holdId))?.held === shrunk)
  const released = decimalText(new Decimal(hold).minus(shrunk))
  const { over } = await takesOf(holdId)
  expect(over, 'what was used beyond the hold').toBe(
    isBeyond ? decimalText(new Decimal(actual!).minus(hold)) : '0',
  )

  await world.push(2, span(`${agent} held`, agent, actual!, holdId))
  await look()
  expect((await takesOf(holdId)).held, 'the usage took its place').toBe('0')
  const [counted] = Object.values(await world.used(agent))
  expect(counted).toBe(actual)
  const beyond = Decimal.max(ZERO, new Decimal(counted!).minus(limit))
  const isOver = (answer: { decision: string }) => answer.decision === 'deny'
  await until(async () => isOver(await check({ agent })) === oracle.over_limit)
  expect({
    charged: decimalText(oracle.capped ? new Decimal(counted!).minus(beyond) : new Decimal(counted!)),
    released,
    debt: decimalText(oracle.capped ? ZERO : beyond),
  }).toEqual({ charged: oracle.charged, released: oracle.released, debt: oracle.debt })
})

import { afterEach, beforeEach, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { callOf, noon } from '../support/usages.ts'
import { expectNoGaps, openWorld, type World } from './world.ts'

let db: TestDatabase
let world: World
beforeEach(async () => {
  db = await testDatabase()
  world = await openWorld(db.pool)
})
afterEach(() => db.drop())

async function settle(seconds: number): Promise<void> {
  while ((await world.cut(seconds)) > 0);
  await world.rate(seconds)
}

test('events count for the budgets that are about them, in every unit', async () => {
  await world.budget(0, 'tokens', { unit: 'tokens' })
  await world.budget(0, 'calls', { unit: 'model_calls', scope: { customer: 'acme' } })
  await world.budget(0, 'each', { unit: 'price', scope: { customer: '*' } })
  await world.budget(0, 'others', { unit: 'cogs', scope: { customer: 'initech' } })
  await world.budget(0, 'credits', { unit: 'credits', scope: { customer: '*', session: '*' } })
  await world.budget(0, 'traces', { unit: 'tokens', window: 'trace', scope: { product: 'bot' } })
  await world.budget(0, 'floor', { unit: 'margin_pct', window: 'day', limit: '20' })
  await world.push(
    1,
    callOf('one', 'root', { session: 's1', product: 'bot' }),
    callOf('one', 'call'),
    callOf('two', 'root', { customer: 'globex' }),
  )
  await settle(5)
  await expectNoGaps(world, 5)
  expect(await world.used('tokens')).toEqual({ '[]': '360' })
  expect(await world.used('calls')).toEqual({ '[]': '2' })
  expect(Object.keys(await world.used('each'))).toEqual(['["acme"]', '["globex"]'])
  expect(await world.used('others')).toEqual({})
  expect(Object.keys(await world.used('credits'))).toEqual(['["acme","s1"]'])
  expect(Object.values(await world.used('traces'))).toEqual(['240'])
  const { rows } = await db.pool.query(
    `select trim_scale(used)::text as used, trim_scale(used_cogs)::text as used_cogs, slots
     from aforo_store.budget_counters where budget_id = 'floor'`,
  )
  expect(rows[0].used_cogs).not.toBeNull()
  expect(rows[0].slots).toEqual({ '2026-11-23T12:00:00Z': [rows[0].used, rows[0].used_cogs] })
})

test('a revision moves what its difference is, also to another customer', async () => {
  await world.budget(0, 'each', { scope: { customer: '*' } })
  await world.budget(0, 'all', { window: 'month' })
  await world.push(1, callOf('one', 'root', { customer: null }))
  await settle(4)
  expect(await world.used('each')).toEqual({})
  expect(await world.used('all')).toEqual({ '[] 2026-11-01': '120' })
  await world.name(5, 'one', 'globex')
  await settle(6)
  expect(await world.used('each')).toEqual({ '["globex"]': '120' })
  await world.push(7, callOf('one', 'late', { customer: 'acme' }))
  await settle(10)
  expect(await world.used('each')).toEqual({ '["acme"]': '240', '["globex"]': '0' })
  expect(await world.used('all')).toEqual({ '[] 2026-11-01': '240' })
  await expectNoGaps(world, 10)
})

test('a budget made later is filled with what was used before it', async () => {
  await world.push(0, callOf('one', 'root', { session: 's1' }), callOf('two', 'root', { customer: 'globex' }))
  await settle(4)
  for (const window of ['lifetime', 'month', 'day', 'hour', 'session', 'trace'] as const) {
    await world.budget(5, `${window}-all`, { window, unit: 'price' })
    await world.budget(5, `${window}-each`, { window, unit: 'margin_pct', scope: { customer: '*' } })
  }
  await expectNoGaps(world, 5)
  expect(await world.used('session-each')).toMatchObject({
    '["acme","s1"]': expect.stringMatching(/^0\.\d+/),
  })
  const before = await world.used('hour-all')
  await world.push(6, callOf('three', 'root', {}))
  await settle(9)
  await expectNoGaps(world, 9)
  expect(await world.used('hour-all')).not.toEqual(before)
})

test('counting begins anew where scope, unit or window change, and only then', async () => {
  await world.push(0, callOf('one', 'root'))
  await settle(4)
  expect((await world.budget(5, 'b')).stored).toMatchObject({ version: 1, counting: 1 })
  expect(await world.budget(6, 'b')).toMatchObject({ isNew: false, stored: { version: 1 } })
  expect((await world.budget(7, 'b', { limit: '5' })).stored).toMatchObject({ version: 2, counting: 1 })
  expect((await world.budget(8, 'b', { unit: 'model_calls' })).stored).toMatchObject({
    version: 3,
    counting: 3,
  })
  expect(await world.used('b')).toEqual({ '[]': '1' })
  await world.end(9, 'b')
  await world.push(10, callOf('two', 'root'))
  await settle(13)
  await expectNoGaps(world, 13)
  expect((await world.budget(14, 'b', { unit: 'model_calls' })).stored).toMatchObject({
    version: 5,
    counting: 5,
  })
  expect(await world.used('b')).toEqual({ '[]': '2' })
  await expectNoGaps(world, 14)
})

test('slots of a rolling window go when all of them has left it, and are never counted again', async () => {
  await world.budget(0, 'hour', { window: 'hour' })
  await world.push(0, callOf('one', 'root'))
  await settle(4)
  const later = 3_600 + 61
  await world.push(
    later,
    callOf('two', 'root', {
      startNano: BigInt(noon(later).getTime()) * 1_000_000n,
      endNano: BigInt(noon(later).getTime()) * 1_000_000n,
    }),
  )
  await settle(later + 3)
  expect(await world.used('hour')).toEqual({ '[]': '120' })
  await world.push(later + 4, callOf('one', 'late'))
  await settle(later + 8)
  expect(await world.used('hour'), 'of a slot that is gone').toEqual({ '[]': '120' })
  await expectNoGaps(world, later + 8)
})

test('a tenant without budgets has no rows of any of it', async () => {
  await world.push(0, callOf('one', 'root'))
  await settle(4)
  for (const table of ['budget_counters', 'open_spend', 'spend_queue', 'budget_tenants']) {
    expect((await db.pool.query(`select * from aforo_store.${table}`)).rows).toEqual([])
  }
})

import { expect, test } from 'vitest'
import type { Usage } from '../../core/usage.ts'
import { lockTraces } from '../../schema/budgets/lock.ts'
import { testDatabase } from '../support/database.ts'
import { callOf } from '../support/usages.ts'
import { openDesk, standOf } from './desk.ts'
import { gapsOf, openWorld } from './world.ts'

/**
 * The projector has stopped, and traces are cut and rated before anybody looked at them: what a call used and what its hold
 * held count once all the same, after every commit, and so does a call that two traces tell of.
 */

const SEEN_TWICE = 'msg_01XFDUDYJgAACzvnptvVoYEL'
const GATEWAY: Partial<Usage> = {
  responseId: SEEN_TWICE,
  scopeName: 'gateway',
  serviceName: 'gateway',
  customer: null,
  kind: 'server',
}
/** Of a call, as it is held and as it is told. */
const HELD = { calls: 1, tokens: 200 }

async function withDesk(
  work: (parts: {
    world: Awaited<ReturnType<typeof openWorld>>
    desk: ReturnType<typeof openDesk>
    stand: () => Promise<{ calls: number[]; tokens: number[] }>
  }) => Promise<void>,
): Promise<void> {
  const db = await testDatabase()
  try {
    const world = await openWorld(db.pool)
    await world.budget(0, 'tokens')
    await world.budget(0, 'calls', { unit: 'model_calls' })
    const desk = openDesk(db.pool, ['tokens', 'calls'])
    await desk.lease(0, { calls: 4, tokens: 800 })
    const stand = async () => {
      const { calls, tokens } = await standOf(db.pool)
      return { calls: [calls!.used, calls!.leased], tokens: [tokens!.used, tokens!.leased] }
    }
    await work({ world, desk, stand })
    // What is left to be looked at changes nothing.
    for (let done = 1, seconds = 60; done > 0; seconds += 40) {
      done = (await world.project(seconds)) + (await world.cut(seconds)) + (await world.rate(seconds))
    }
    expect(await gapsOf(db.pool, 300)).toEqual([])
  } finally {
    await db.drop()
  }
}

test('a trace that is rated before it was looked at ends the hold of its call in the commit that counts the call', () =>
  withDesk(async ({ world, desk, stand }) => {
    await desk.hold(1, 'held', HELD)
    expect(await stand()).toEqual({ calls: [0, 4], tokens: [0, 800] })
    await world.push(2, callOf('one', 'root', { holdId: 'held' }))
    await world.cut(5)
    expect(await stand()).toEqual({ calls: [0, 4], tokens: [0, 800] })
    await world.rate(5)
    expect(await stand()).toEqual({ calls: [1, 3], tokens: [120, 600] })
    while ((await world.project(6)) > 0);
    expect(await stand()).toEqual({ calls: [1, 3], tokens: [120, 600] })
  }))

test('a span that comes late ends its hold when it is rated, and a hold that is told of after its span is over at once', () =>
  withDesk(async ({ world, desk, stand }) => {
    await world.push(2, callOf('one', 'root', {}))
    await world.cut(5)
    await world.rate(5)
    await desk.hold(6, 'late', HELD)
    await world.push(7, callOf('one', 'late', { parentSpanId: 'f'.repeat(16), holdId: 'late' }))
    await world.push(7, callOf('two', 'root', { holdId: 'unheard' }))
    await world.cut(12)
    await world.rate(12)
    expect(await stand()).toEqual({ calls: [3, 3], tokens: [360, 600] })
    await desk.hold(13, 'unheard', HELD)
    expect(await stand()).toEqual({ calls: [3, 2], tokens: [360, 400] })
  }))

for (const first of ['client', 'gateway'] as const) {
  test(`a call that two traces tell of counts once after every rating where neither was looked at, ${first} first`, () =>
    withDesk(async ({ world, desk, stand }) => {
      await desk.hold(1, 'held', HELD)
      const told = {
        client: callOf('client', 'root', { responseId: SEEN_TWICE, holdId: 'held' }),
        gateway: callOf('gateway', 'root', GATEWAY),
      }
      await world.push(2, told[first])
      await world.cut(5)
      await world.push(6, told[first === 'client' ? 'gateway' : 'client'])
      await world.cut(10)
      const before = await stand()
      expect(before).toEqual({ calls: [0, 4], tokens: [0, 800] })
      for (let rated = 1; rated > 0; ) {
        rated = await world.rate(11, 1)
        expect(await stand(), `after ${rated}`).toEqual({ calls: [1, 3], tokens: [120, 600] })
      }
    }))

  test(`a call that moves to another trace counts once when that is cut and rated unseen, ${first} first`, () =>
    withDesk(async ({ world, desk, stand }) => {
      await desk.hold(1, 'held', HELD)
      const told = {
        client: callOf('client', 'root', { responseId: SEEN_TWICE, holdId: 'held' }),
        gateway: callOf('gateway', 'root', GATEWAY),
      }
      await world.push(2, told[first])
      await world.cut(5)
      while ((await world.rate(5, 1)) > 0);
      const isHeld = first === 'gateway'
      const once = { calls: [1, 3], tokens: [120, 600] }
      // Nobody can know yet that it is the call of the hold.
      expect(await stand()).toEqual(isHeld ? { calls: [1, 4], tokens: [120, 800] } : once)
      await world.push(6, told[isHeld ? 'client' : 'gateway'])
      await world.cut(10)
      for (let rated = 1; rated > 0; ) {
        rated = await world.rate(11, 1)
        if (rated > 0 || !isHeld) expect(await stand(), `after ${rated}`).toEqual(once)
      }
      expect(await stand()).toEqual(once)
    }))
}

test('a trace whose call somebody else has in hand is not looked at without it, and then with it', async () => {
  const db = await testDatabase()
  const other = await db.pool.connect()
  try {
    const world = await openWorld(db.pool)
    await world.budget(0, 'calls', { unit: 'model_calls' })
    const gateway = callOf('gateway', 'root', GATEWAY)
    await world.push(1, gateway, callOf('beside', 'root'))
    while ((await world.project(1)) > 0);
    expect(await world.used('calls')).toEqual({ '[]': '2' })
    await other.query('begin')
    await lockTraces(other, [{ tenantId: 'default', traceId: gateway.traceId }])
    const client = callOf('client', 'root', { responseId: SEEN_TWICE })
    await world.push(2, client, callOf('apart', 'root'))
    await world.project(2)
    await world.project(2)
    // What has nothing to do with it is.
    expect(await world.used('calls')).toEqual({ '[]': '3' })
    expect(await gapsOf(db.pool, 2)).toEqual([])
    await other.query('rollback')
    while ((await world.project(3)) > 0);
    expect(await world.used('calls')).toEqual({ '[]': '3' })
    const { rows } = await db.pool.query('select from aforo_store.spend_queue')
    expect(rows).toEqual([])
  } finally {
    other.release()
    await db.drop()
  }
})

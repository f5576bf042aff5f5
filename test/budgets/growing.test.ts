import { afterEach, beforeEach, expect, test } from 'vitest'
import { SILENT } from '../../core/log.ts'
import { PAUSE_MS_MAX, pauseMs } from '../../rating/running/pause.ts'
import { createProjector, type Projector } from '../../rating/running/projector.ts'
import { HOLDS_REMEMBERED_MAX, ToldHolds } from '../../rating/running/told-holds.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { createOpenAssembler } from '../../receiver/open/assemble-open.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { callOf, NOON_NANO, noon, otherOf, spanIdOf } from '../support/usages.ts'
import { expectNoGaps, openWorld, type World } from './world.ts'

let db: TestDatabase
let world: World
/** Spans that were assembled, each time anew. */
let assembled: number
let projector: Projector
beforeEach(async () => {
  db = await testDatabase()
  world = await openWorld(db.pool)
  assembled = 0
  const assembleOpen = createOpenAssembler({ assemble, log: SILENT })
  projector = createProjector({
    pool: db.pool,
    assembleOpen: async (client, wanted, hold) => {
      const found = await assembleOpen(client, wanted, hold)
      for (const { spans } of found.traces) assembled += spans
      return found
    },
  })
})
afterEach(() => db.drop())

const BATCHES = 100
const SPANS = 100
/** One span of ten is a call. */
const CALLS = (BATCHES * SPANS) / 10
const EVERY_SECONDS = 0.02

test('a trace of 10,000 spans in 100 batches is not read whole for every batch', async () => {
  await world.budget(0, 'calls', { unit: 'model_calls' })
  await world.budget(0, 'tokens')
  let seconds = 1
  const turn = async () => {
    while ((await projector.project(noon(seconds))) > 0);
  }
  for (let batch = 0; batch < BATCHES; batch++) {
    const spans = Array.from({ length: SPANS }, (_, no) => {
      const startNano = NOON_NANO + BigInt(batch * SPANS + no) * 1_000_000n
      const at = { startNano, endNano: startNano + 900_000n }
      const spanOf = no % 10 === 0 ? callOf : otherOf
      return spanOf('long', `${batch}/${no}`, { parentSpanId: spanIdOf('root'), ...at })
    })
    await world.push(seconds, ...spans)
    await turn()
    seconds += EVERY_SECONDS
  }
  expect(assembled, 'every batch anew would be 505,000').toBeLessThan(80_000)
  seconds += pauseMs(BATCHES * SPANS) / 1000
  await turn()
  expect(await world.used('calls')).toEqual({ '[]': String(CALLS) })
  expect(await world.used('tokens')).toEqual({ '[]': String(CALLS * 120) })
  await expectNoGaps(world, seconds)
})

test('the pause grows with the trace, to a bound', () => {
  expect(pauseMs(300)).toBe(0)
  expect(pauseMs(10_000)).toBeLessThan(1_000)
  expect(pauseMs(400_000)).toBeLessThanOrEqual(PAUSE_MS_MAX)
  expect(pauseMs(PAUSE_MS_MAX * 100)).toBe(PAUSE_MS_MAX)
})

test('holds that were told of are remembered so many, and not one more', () => {
  const holds = new ToldHolds()
  const of = (...ids: string[]) => ids.map((holdId) => ({ holdId, actual: null }))
  holds.remember('default', of('a'))
  expect(holds.fresh('default', of('a', 'b'))).toEqual(of('b'))
  expect(holds.fresh('other', of('a'))).toEqual(of('a'))
  const more = [{ holdId: 'a', actual: { model_calls: '1' } }]
  expect(holds.fresh('default', more), 'its trace has grown').toEqual(more)
  holds.remember('default', of(...Array.from({ length: HOLDS_REMEMBERED_MAX - 1 }, (_, no) => `h${no}`)))
  expect(holds.size).toBe(HOLDS_REMEMBERED_MAX)
  holds.remember('default', of('one more'))
  expect(holds.size).toBe(1)
})

test('a trace that cannot be looked at waits, and keeps no other one waiting', async () => {
  await world.budget(0, 'tokens')
  const assembleOpen = createOpenAssembler({ assemble, log: SILENT })
  const bad = callOf('bad', 'root').traceId
  let isBroken = true
  const failing = createProjector({
    pool: db.pool,
    assembleOpen: async (client, wanted, hold) => {
      if (isBroken && wanted.some(({ traceId }) => traceId === bad)) throw new Error('broken')
      return assembleOpen(client, wanted, hold)
    },
  })
  await world.push(1, callOf('bad', 'root'), callOf('good', 'root'))
  while ((await failing.project(noon(1))) > 0);
  expect(await world.used('tokens')).toEqual({ '[]': '120' })
  isBroken = false
  while ((await failing.project(noon(2))) > 0);
  expect(await world.used('tokens'), 'not yet').toEqual({ '[]': '120' })
  while ((await failing.project(noon(62))) > 0);
  expect(await world.used('tokens')).toEqual({ '[]': '240' })
  await expectNoGaps(world, 62)
})

import { afterAll, beforeAll, expect, test } from 'vitest'
import { SILENT } from '../../core/log.ts'
import { createProjector } from '../../rating/running/projector.ts'
import { assemble } from '../../receiver/assemble/assemble.ts'
import { createOpenAssembler } from '../../receiver/open/assemble-open.ts'
import { shareBudgets, tryProject } from '../../schema/budgets/lock.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { dyingAt } from '../support/dying.ts'
import { callOf, noon } from '../support/usages.ts'
import { expectNoGaps, openWorld, type World } from './world.ts'

/** One projector looks at a tenant's open traces at a time: another one goes on where it died. */

let db: TestDatabase
let world: World
beforeAll(async () => {
  db = await testDatabase()
  world = await openWorld(db.pool)
  await world.budget(0, 'all')
})
afterAll(() => db.drop())

const look = async (seconds: number) => {
  while ((await world.project(seconds)) > 0);
}

test('while one projector has a tenant nobody else looks, and once its connection is gone the next one does', async () => {
  const other = await db.pool.connect()
  await other.query('begin')
  await shareBudgets(other, ['default'])
  expect(await tryProject(other, ['default'])).toEqual(new Set(['default']))
  await world.push(1, callOf('one', 'root'))
  await world.project(1)
  expect(await world.used('all')).toEqual({})
  // Killed: the server ends its transaction, and with it its locks.
  const { rows } = await other.query<{ pid: number }>('select pg_backend_pid() as pid')
  other.on('error', () => {})
  await db.pool.query('select pg_terminate_backend($1, 60000)', [rows[0]!.pid])
  other.release(true)
  await look(2)
  expect(await world.used('all')).toEqual({ '[]': '120' })
  await expectNoGaps(world, 2)
})

test('a death at any statement leaves nothing half counted, and another projector counts all of it', async () => {
  const assembleOpen = createOpenAssembler({ assemble, log: SILENT })
  for (let deaths = 0; ; deaths++) {
    expect(deaths).toBeLessThan(100)
    await world.push(3, callOf(`dies ${deaths}`, 'root', { holdId: `of ${deaths}` }))
    const isOver = await dyingAt(db, deaths, (pool) =>
      createProjector({ pool, assembleOpen }).project(noon(3)),
    )
    await expectNoGaps(world, 3)
    await look(3)
    expect(await world.used('all')).toEqual({ '[]': String(120 * (deaths + 2)) })
    if (isOver) break
  }
  await expectNoGaps(world, 3)
})

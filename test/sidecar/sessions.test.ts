import { afterAll, beforeAll, expect, test } from 'vitest'
import { type CheckWorld, givenOut, putBudget, startWorld, until } from './start.ts'

/** A budget that each session has for itself, asked for by many sessions that nobody has heard of. */

const AT_ONCE = 200

let world: CheckWorld
beforeAll(async () => {
  world = await startWorld()
  await putBudget(world.database.pool, 'runaway', { unit: 'model_calls', limit: '200', window: 'session' })
})
afterAll(() => world.stop())

const ask = (prefix: string, fields: object) =>
  Promise.all(
    Array.from({ length: AT_ONCE }, (_, no) =>
      world.check({ customer: 'acme', session: `${prefix}${no}`, ...fields }),
    ),
  )

test('checks of new sessions leave nothing in the database', async () => {
  for (const { body } of await ask('checked', {})) expect(body.decision).toBe('allow')
  for (const table of ['budget_counters', 'budget_leases', 'budget_holds', 'budget_hold_takes']) {
    expect((await world.database.pool.query(`select * from aforo_store.${table}`)).rows, table).toEqual([])
  }
})

test('holds of many new sessions at once are all let in', async () => {
  const estimate = { input_tokens: '1', max_output_tokens: '1' }
  for (let round = 0; round < 3; round++) {
    const answers = await ask(`held${round}_`, { reserve: true, ttl_ms: 1_000, estimate })
    expect(answers.map(({ body }) => body.reason)).toEqual(answers.map(() => 'within_budget'))
  }
  await until(async () => (await givenOut(world.database.pool)).leases === '0')
})

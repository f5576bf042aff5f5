import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SILENT } from '../../core/log.ts'
import { Checkers, TENANT_IDLE_MS } from '../../sidecar/checkers.ts'
import { createCheckMetrics } from '../../sidecar/metrics.ts'
import { type CheckWorld, centreOver, givenOut, putBudget, startWorld, until } from './start.ts'

let world: CheckWorld
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const LIMIT = 20
const CALL = { customer: 'acme', reserve: true, ttl_ms: 3_600_000, estimate: {} }

test('a tenant of whom nobody asked for a minute is let in no more than its limit has: its holds are other ones', async () => {
  const { pool } = world.database
  await putBudget(pool, 'calls', { limit: String(LIMIT), unit: 'model_calls' })
  let ahead = 0
  const clock = () => performance.now() + ahead
  const metrics = createCheckMetrics(new Registry())
  const checkers = new Checkers({
    centre: centreOver(pool),
    sidecarId: 'beside',
    clock,
    log: SILENT,
    metrics,
  })
  const holds: string[] = []
  const takeAll = async (most: number) => {
    for (let no = 0; no < most; no++) {
      const { decision, hold_id } = await checkers.of('default').check(CALL)
      if (decision !== 'allow') return
      holds.push(hold_id!)
    }
  }
  await takeAll(LIMIT / 2)
  // What is not used of the lease goes back; nobody asks; the checker is closed.
  ahead += TENANT_IDLE_MS
  await until(async () => checkers.sizes().tenants === 0)
  await takeAll(LIMIT)
  ahead += TENANT_IDLE_MS
  await until(async () => checkers.sizes().tenants === 0)
  await takeAll(LIMIT)
  expect(holds).toHaveLength(LIMIT)
  expect(new Set(holds).size).toBe(LIMIT)
  expect(await givenOut(pool)).toMatchObject({ leased: String(LIMIT), held: String(LIMIT) })
  // An end of one is not an end of another.
  const [first] = holds
  expect(await checkers.of('default').endHold(first!, null)).toMatchObject({ state: 'released', late: false })
  expect(await givenOut(pool)).toMatchObject({ held: String(LIMIT - 1) })
  await checkers.stop()
}, 60_000)

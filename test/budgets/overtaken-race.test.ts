import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { asAforoError } from '../../core/errors.ts'
import { testDatabase } from '../support/database.ts'
import { callOf, NOON_NANO } from '../support/usages.ts'
import { openDesk, standOf } from './desk.ts'
import { gapsOf, openWorld } from './world.ts'

/**
 * Projectors, cutters and raters at once, over calls that were let in and that two traces tell of: in every snapshot each call
 * counts, and counts once as soon as its own span was looked at.
 */

const CALLS = 60
/** A hold of ten seconds' use and more: nothing is overdue meanwhile. */
const HELD = { calls: 1 }

test('whoever looks sees every call once while projectors, cutters and raters overtake one another', async () => {
  const db = await testDatabase()
  try {
    const world = await openWorld(db.pool)
    await world.budget(0, 'calls', { unit: 'model_calls', limit: '100000' })
    const desk = openDesk(db.pool, ['calls'])
    await desk.lease(0, { calls: CALLS })
    for (let no = 0; no < CALLS; no++) await desk.hold(0, `hold ${no}`, HELD, 600_000)
    let isOver = false
    let seconds = 10
    let gaveWay = 0
    const again = async (run: () => Promise<unknown>) => {
      while (!isOver) {
        try {
          await run()
        } catch (error) {
          if (!asAforoError(error).retryable) throw error
          gaveWay += 1
        }
        await pause(3)
      }
    }
    const working = [
      again(() => world.cut(seconds)),
      again(() => world.rate(seconds, 5)),
      again(() => world.rate(seconds)),
      again(() => pause(140).then(() => world.project(seconds))),
      again(() => pause(170).then(() => world.project(seconds))),
    ]
    const amiss: string[] = []
    let looks = 0
    const looking = again(async () => {
      const { rows } = await db.pool.query<{ counted: string; most: string }>(LOOK)
      const { counted, most } = rows[0]!
      looks += 1
      if (Number(counted) < CALLS || Number(counted) > Number(most))
        amiss.push(`${counted} of ${CALLS} to ${most}`)
    })
    const callAt = (no: number) => {
      const startNano = NOON_NANO + BigInt(no) * 1_000_000_000n
      const responseId = `msg_01XFDUDYJgAACzvnptvVo${String(no).padStart(3, '0')}`
      return { startNano, endNano: startNano + 500_000_000n, responseId }
    }
    for (let no = 0; no < CALLS; no++) {
      await world.push(seconds, callOf(`client ${no}`, 'root', { ...callAt(no), holdId: `hold ${no}` }))
      await pause(no % 7)
      const gateway = {
        scopeName: 'gateway',
        serviceName: 'gateway',
        customer: null,
        kind: 'server',
      } as const
      await world.push(seconds, callOf(`gateway ${no}`, 'root', { ...callAt(no), ...gateway }))
      await pause(no % 11)
      seconds += 1
    }
    seconds += 40
    for (let tries = 0; tries < 200 && !(await isSettled(db.pool)); tries++) await pause(50)
    isOver = true
    await Promise.all([...working, looking])
    expect(amiss).toEqual([])
    expect(looks).toBeGreaterThan(20)
    expect(await standOf(db.pool), `${gaveWay} gave way`).toEqual({ calls: { used: CALLS, leased: 0 } })
    expect(await gapsOf(db.pool, seconds)).toEqual([])
  } finally {
    await db.drop()
  }
}, 60_000)

/** What is used and held, and the most of that: beside a hold whose own span nobody has seen, the gateway's may count. */
const LOOK = `
  select used + leased as counted, ${CALLS} + (
    select count(distinct told.trace_id) from aforo_store.usage_journal told
    join aforo_store.spend_queue using (tenant_id, trace_id)
    where hold_id is not null and not exists (
      select from aforo_store.ratings rating
      where rating.tenant_id = told.tenant_id and rating.event_id = 'evt_' || encode(told.trace_id, 'hex'))) as most
  from aforo_store.budget_counters`

async function isSettled(pool: {
  query(text: string): Promise<{ rows: { waits: boolean }[] }>
}): Promise<boolean> {
  const { rows } = await pool.query(
    `select exists (select from aforo_store.spend_queue) or exists (select from aforo_store.rating_queue)
       or exists (select from aforo_store.traces where cut_due_at is not null)
       or exists (select from aforo_store.open_spend) as waits`,
  )
  return !rows[0]!.waits
}

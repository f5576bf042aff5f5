import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { periodOf } from '../../rating/period.ts'
import { takeHolds } from '../../schema/budgets/holds.ts'
import { UNBEGUN_MS } from '../../schema/budgets/months.ts'
import { type AskedSpender, readSpender } from '../../schema/budgets/spenders.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { callOf, NOON_MS, noon, traceIdOf } from '../support/usages.ts'
import { expectNoGaps, openWorld, type World } from './world.ts'

/**
 * Sessions across the end of a customer's month, whose traces become one event: usage counts in the month of the event, and
 * so must holds.
 */

let db: TestDatabase
let world: World
beforeEach(async () => {
  db = await testDatabase()
  world = await openWorld(db.pool)
  await world.group(-1_000, 'bot', 'session')
})
afterEach(() => db.drop())

const CARD = { price: null, cogs: null, credits: null, contextTokens: null }
const nanoOf = (seconds: number) => BigInt(Math.round((NOON_MS / 1000 + seconds) * 1000)) * 1_000_000n

/** Asks for a call as a check does, and takes a hold of one model call of all its counters or of none. */
async function admit(spender: AskedSpender, holdId: string, seconds: number): Promise<string[] | null> {
  const now = noon(seconds)
  const { budgets } = await readSpender(db.pool, 'default', spender, periodOf, now)
  const months = budgets.map(({ standing }) => standing.counter)
  const takes = months.map((counter) => ({ counter, leaseId: null, amount: '1' }))
  const hold = {
    holdId,
    spender,
    model: null,
    heldBy: 'price',
    card: CARD,
    takes,
    end: null,
    msLeft: 3_600_000,
  } as const
  const [taken] = await takeHolds(db.pool, 'default', [{ sidecarId: 'one', hold }], now)
  return taken!.isTaken ? months.map(({ windowStart }) => windowStart) : null
}

async function settle(seconds: number): Promise<void> {
  while ((await world.cut(seconds)) > 0);
  while ((await world.rate(seconds)) > 0);
  while ((await world.project(seconds)) > 0);
}

/** What each month has of what is used, and of what is given out. */
async function months(): Promise<readonly { start: number; used: number; leased: number }[]> {
  const { rows } = await db.pool.query(
    `select (extract(epoch from window_start) * 1000)::bigint::text as start, used::integer, leased::integer
     from aforo_store.budget_counters where budget_id = 'month' order by window_start`,
  )
  return rows.map((row) => ({ ...row, start: Number(row.start) }))
}

async function subscribe(timezone: string, anchorDay: number): Promise<void> {
  await db.pool.query(
    `update aforo_store.subscriptions set timezone = $1, anchor_day = $2 where customer_id = 'acme'`,
    [timezone, anchorDay],
  )
}

const ASKED = { customer: 'acme', product: 'bot', agent: null, session: 's', trace: null }
const call = (trace: string, span: string, from: number, to: number, holdId: string) =>
  callOf(trace, span, { product: 'bot', session: 's', startNano: nanoOf(from), endNano: nanoOf(to), holdId })

// A hold was taken of the month in which the later trace began. Its usage went to that of the session's event, which was full.
test('a trace that begins after midnight in a session that began before is held for where it is billed', async () => {
  await subscribe('Etc/GMT-12', 24)
  await world.budget(-60, 'month', {
    scope: { customer: '*' },
    unit: 'model_calls',
    window: 'month',
    limit: '2',
  })
  const [before, after] = ['2026-10-23T12:00:00.000Z', '2026-11-23T12:00:00.000Z']
  expect(await admit({ ...ASKED, trace: traceIdOf('first') }, 'h1', -30)).toEqual([before])
  await world.push(-20, call('first', 'a', -30, -20, 'h1'))
  await settle(-20)
  const startedAt = NOON_MS + 5_000
  // The first trace is not cut yet.
  expect(await admit({ ...ASKED, trace: traceIdOf('second'), startedAt }, 'h2', 5)).toEqual([after, before])
  expect(await admit({ ...ASKED, trace: traceIdOf('third') }, 'h3', 6), 'the old month is full').toBeNull()
  const other = { ...ASKED, session: 'other' }
  expect(await admit(other, 'h4', 6), 'who begins now does not care').toEqual([after])
  await world.push(7, call('second', 'b', 5, 7, 'h2'))
  await settle(7)
  expect(await months()).toMatchObject([
    { used: 2, leased: 0 },
    { used: 0, leased: 1 },
  ])
  await expectNoGaps(world, 7)
  await settle(60)
  expect(await months()).toMatchObject([
    { used: 2, leased: 0 },
    { used: 0, leased: 1 },
  ])
  // It is cut by now.
  expect(await admit(ASKED, 'h5', 61)).toBeNull()
  const aDayLater = 86_400 - 29
  expect(await admit(ASKED, 'h6', aDayLater), 'it is in the next event').toEqual([after])
})

test('a check without started_at goes by what the journal knows of the trace', async () => {
  await subscribe('Etc/GMT-12', 24)
  await world.budget(-60, 'month', { scope: { customer: '*' }, unit: 'model_calls', window: 'month' })
  const spender = { ...ASKED, session: null, trace: traceIdOf('long') }
  await world.push(-5, callOf('long', 'a', { startNano: nanoOf(-9), endNano: nanoOf(-5) }))
  expect(await admit(spender, 'h1', 3)).toEqual(['2026-10-23T12:00:00.000Z'])
  await settle(40)
  expect(await admit(spender, 'h2', 41)).toEqual(['2026-10-23T12:00:00.000Z'])
  const unknown = { ...spender, trace: traceIdOf('unknown') }
  expect(await admit(unknown, 'h3', 41)).toEqual(['2026-11-23T12:00:00.000Z'])
})

test('while nobody knows when a session began it is asked for again soon, and only after a month’s turn', async () => {
  await subscribe('Etc/GMT-12', 24)
  await world.budget(-60, 'month', { scope: { customer: '*' }, unit: 'model_calls', window: 'month' })
  const validAt = async (seconds: number, fields: Partial<AskedSpender> = {}) =>
    (await readSpender(db.pool, 'default', { ...ASKED, ...fields }, periodOf, noon(seconds))).msValid
  expect(await validAt(10)).toBe(UNBEGUN_MS)
  expect(await validAt(10, { product: null })).toBe(UNBEGUN_MS)
  expect(await validAt(-10)).toBeUndefined()
  expect(await validAt(86_401)).toBeUndefined()
  expect(await validAt(10, { product: 'ungrouped' })).toBeUndefined()
  expect(await validAt(10, { session: null })).toBeUndefined()
  expect(await validAt(10, { customer: 'unheard of' }), 'whose month is that of UTC').toBeUndefined()
  await world.push(12, call('first', 'a', 11, 12, 'h1'))
  await settle(20)
  expect(await validAt(20)).toBeUndefined()
})

/** Traces one after the other, each with calls one after the other. */
const traces = fc.array(
  fc.record({
    gap: fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 2 }) },
      fc.integer({ min: 3, max: 60 }),
      fc.constant(86_500),
    ),
    calls: fc.array(
      fc.record({ wait: fc.integer({ min: 0, max: 2 }), lasts: fc.integer({ min: 1, max: 4 }) }),
      { minLength: 1, maxLength: 3 },
    ),
    says: fc.constantFrom('started_at', 'trace', 'session'),
  }),
  { minLength: 3, maxLength: 7 },
)
const zones = fc.constantFrom('UTC', 'Asia/Tokyo', 'America/New_York', 'Asia/Kathmandu', 'Pacific/Auckland')

test('neither month is passed by what is let in, whatever the zone, the anchor and the gaps', {
  timeout: 120_000,
}, async () => {
  let no = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(traces, { minLength: 1, maxLength: 2 }),
      fc.integer({ min: -8, max: 0 }),
      zones,
      fc.integer({ min: 1, max: 31 }),
      fc.integer({ min: 2, max: 5 }),
      async (sessions, begins, timezone, anchorDay, limit) => {
        await db.drop()
        db = await testDatabase()
        world = await openWorld(db.pool)
        await subscribe(timezone, anchorDay)
        const turn = (periodOf(NOON_MS, timezone, anchorDay).end - NOON_MS) / 1000
        await world.group(turn - 1_000, 'bot', 'session')
        await world.budget(turn - 1_000, 'month', {
          scope: { customer: '*' },
          unit: 'model_calls',
          window: 'month',
          limit: String(limit),
        })
        const steps: { at: number; run: (at: number) => Promise<void> }[] = []
        let admitted = 0
        for (const [s, ofSession] of sessions.entries()) {
          let at = turn + begins + s * 3
          for (const [t, { gap, calls, says }] of ofSession.entries()) {
            at += gap
            const trace = `${no} ${s} ${t}`
            const startedAt = NOON_MS + at * 1000
            const spender = {
              ...ASKED,
              session: `s${s}`,
              ...(says === 'session' ? {} : { trace: traceIdOf(trace) }),
              ...(says === 'started_at' ? { startedAt } : {}),
            }
            for (const [c, { wait, lasts }] of calls.entries()) {
              if (c > 0) at += wait
              const [from, to, holdId] = [at, at + lasts, `${trace} ${c}`]
              let isIn = false
              steps.push({
                at: from,
                run: async (seconds) => {
                  isIn = (await admit(spender, holdId, seconds)) !== null
                  if (isIn) admitted += 1
                },
              })
              const usage = callOf(trace, holdId, {
                product: 'bot',
                session: `s${s}`,
                startNano: nanoOf(from),
                endNano: nanoOf(to),
                holdId,
              })
              steps.push({
                at: to,
                run: async (seconds) => {
                  if (isIn) await world.push(seconds, usage)
                },
              })
              at = to
            }
          }
        }
        no += 1
        steps.sort((a, b) => a.at - b.at)
        for (const { at, run } of steps) {
          await settle(at)
          await run(at)
          await settle(at)
          for (const { start, used, leased } of await months())
            expect(used + leased, `${new Date(start).toISOString()} of ${limit}`).toBeLessThanOrEqual(limit)
        }
        const last = steps.at(-1)!.at + 200
        await settle(last)
        const found = await months()
        for (const { used } of found) expect(used).toBeLessThanOrEqual(limit)
        expect(found.reduce((sum, { used }) => sum + used, 0)).toBe(admitted)
        await expectNoGaps(world, last)
      },
    ),
    { numRuns: Number(process.env.MONTH_RUNS ?? 5), endOnFailure: true },
  )
})

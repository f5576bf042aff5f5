import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AforoError } from '../../core/errors.ts'
import { FRAME_KINDS } from '../../core/frames.ts'
import { SILENT } from '../../core/log.ts'
import { periodOf } from '../../rating/period.ts'
import { createRateCards } from '../../rating/rate-cards.ts'
import { createAccess } from '../../schema/access.ts'
import { endHolds } from '../../schema/budgets/holds.ts'
import { transaction } from '../../schema/pool.ts'
import { createDatabaseCentre } from '../../sidecar/centre/database-centre.ts'
import type { RunningCheck } from '../../sidecar/check.ts'
import { openFrames } from './frame-asker.ts'
import {
  addCustomer,
  type CheckWorld,
  post,
  putBudget,
  startCheckOver,
  startSidecar,
  startWorld,
} from './start.ts'

/** Midnight of the first, in UTC: half a minute later the check is asked. */
const TURN = Date.parse('2026-11-01T00:00:00Z')
const BEFORE = '2026-10-31T23:59:50Z'
const RUNS = Number(process.env.MONTH_RUNS ?? 4)

let world: CheckWorld
let server: RunningCheck
let sidecar: RunningCheck
let now = TURN + 30_000

beforeAll(async () => {
  world = await startWorld()
  const { pool } = world.database
  const centre = createDatabaseCentre({
    pool,
    access: createAccess(pool, { open: true }),
    periodOf,
    rates: createRateCards(),
    log: SILENT,
    now: () => new Date(now),
  })
  server = await startCheckOver(pool, 0, undefined, centre)
  sidecar = await startSidecar(`http://127.0.0.1:${server.port}`)
})
afterAll(async () => {
  await sidecar.stop()
  await server.stop()
  await world.stop()
})

const CALL = { model: 'claude-sonnet-4-6', estimate: { input_tokens: '10', max_output_tokens: '10' } }
/** A machine that is busy with other things may not hear of the centre for two seconds: then it is asked again. */
const check = async (body: object, to = server) => {
  const asked = { customer: 'acme', reserve: true, ...CALL, ...body }
  for (;;) {
    const answer = (await post(`http://127.0.0.1:${to.port}`, '/v1/check', asked)).body
    if (answer.reason !== 'stale') return answer
  }
}

/** What another check server has leased and not taken is back in a moment: until then there may seem to be no room. */
const letIn = async (body: object, to = server) => {
  for (;;) {
    const answer = await check(body, to)
    if (answer.decision === 'allow') return answer
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** The months of the counters that a hold took of. */
async function monthsOf(holdId: string): Promise<string[]> {
  let months: string[] = []
  for (let tries = 0; months.length === 0 && tries < 500; tries++) {
    const { rows } = await world.database.pool.query(
      `select to_char(window_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24') as month
       from aforo_store.budget_hold_takes where hold_id = $1 order by 1`,
      [holdId],
    )
    months = rows.map((row) => row.month)
    if (months.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return months
}

/** Counts what was used in a month, and ends the hold of it, as a projector does. */
async function use(budgetId: string, month: string, amount: number, holdId?: string): Promise<void> {
  for (;;) {
    try {
      return await useOnce(budgetId, month, amount, holdId)
    } catch (error) {
      // As a projector's, it may give way to a message of a sidecar, and is tried again.
      if (!(error instanceof AforoError && error.retryable)) throw error
    }
  }
}

async function useOnce(budgetId: string, month: string, amount: number, holdId?: string): Promise<void> {
  await transaction(world.database.pool, async (client) => {
    const told = { input_tokens: '10', output_tokens: '10', model_calls: '1' }
    if (holdId !== undefined) await endHolds(client, 'default', [{ holdId, actual: told }], new Date(now))
    await client.query(
      `insert into aforo_store.budget_counters as counter
         (tenant_id, budget_id, counting_version, subject, window_start, used)
       values ('default', $1, 1, '[]', $2, $3)
       on conflict (tenant_id, budget_id, counting_version, subject, window_start)
       do update set used = counter.used + excluded.used, changed_tx = pg_current_xact_id()`,
      [budgetId, month, amount],
    )
  })
}

test('a hold is of the month in which the trace began, at a sidecar too', async () => {
  await putBudget(world.database.pool, 'turned', {
    scope: { customer: 'acme', agent: 'turned' },
    unit: 'model_calls',
    limit: '2',
    window: 'month',
  })
  await use('turned', '2026-10-01Z', 1)
  const asked = { agent: 'turned' }
  for (const at of [server, sidecar]) {
    const ofNow = await letIn(asked, at)
    expect(ofNow).toMatchObject({ decision: 'allow', budget: 'turned', reason: 'within_budget' })
    expect(await monthsOf(ofNow.hold_id)).toEqual(['2026-11-01T00'])
  }
  const last = await letIn({ ...asked, started_at: BEFORE }, sidecar)
  expect(last).toMatchObject({ decision: 'allow', budget: 'turned' })
  expect(await monthsOf(last.hold_id)).toEqual(['2026-10-01T00'])
  for (const at of [server, sidecar]) {
    const full = await check({ ...asked, started_at: '2026-10-31T16:59:50-07:00' }, at)
    expect(full, 'October is full').toMatchObject({ decision: 'deny', reason: 'budget_exhausted' })
  }
  const full = await check({ ...asked, started_at: '2026-11-01T00:00:00Z' })
  expect(full, 'November is full').toMatchObject({ decision: 'deny', reason: 'budget_exhausted' })
})

test('months are the customer’s, and those of everybody’s budget are those of UTC', async () => {
  const { pool } = world.database
  await addCustomer(pool, 'default', 'kyoto')
  await pool.query(
    `update aforo_store.subscriptions set timezone = 'Asia/Tokyo', anchor_day = 15 where customer_id = 'kyoto'`,
  )
  const budget = { unit: 'model_calls', limit: '5', window: 'month' } as const
  await putBudget(pool, 'theirs', { ...budget, scope: { customer: 'kyoto', agent: 'kyoto' } })
  await putBudget(pool, 'everybody', { ...budget, scope: { agent: 'kyoto' } })
  const asked = { customer: 'kyoto', agent: 'kyoto' }
  const ofNow = await check(asked)
  expect(await monthsOf(ofNow.hold_id)).toEqual(['2026-10-14T15', '2026-11-01T00'])
  const earlier = await check({ ...asked, started_at: '2026-10-14T14:59:59.999Z' })
  expect(await monthsOf(earlier.hold_id)).toEqual(['2026-09-14T15', '2026-10-01T00'])
  const between = await check({ ...asked, started_at: '2026-10-14T15:00:00Z' })
  expect(await monthsOf(between.hold_id)).toEqual(['2026-10-01T00', '2026-10-14T15'])
})

test('of a session whose event began in the month before, a hold is of both: its trace counts by itself until it is rated', async () => {
  await putBudget(world.database.pool, 'talks', {
    scope: { agent: 'talks' },
    unit: 'model_calls',
    limit: '5',
    window: 'month',
  })
  const { hold_id } = await check({ agent: 'talks', session: 'late', started_at: BEFORE })
  expect(await monthsOf(hold_id)).toEqual(['2026-10-01T00', '2026-11-01T00'])
})

test('a session’s later trace is held for in the month of its event too, once that is known, at a sidecar too', async () => {
  const { pool } = world.database
  await putBudget(pool, 'chats', {
    scope: { product: 'chat' },
    unit: 'model_calls',
    limit: '9',
    window: 'month',
  })
  await pool.query(
    `insert into aforo_store.product_settings (tenant_id, product_id, group_by, recorded_at)
     values ('default', 'chat', 'session', '2026-10-01')`,
  )
  const asked = { product: 'chat', session: 'all night', started_at: '2026-11-01T00:00:20Z' }
  for (const at of [server, sidecar]) {
    const { hold_id } = await letIn(asked, at)
    expect(await monthsOf(hold_id), 'nobody knows of an event').toEqual(['2026-11-01T00'])
  }
  await pool.query(
    `insert into aforo_store.session_events (tenant_id, event_id, session_key, place, product_id, session_id,
       customer_id, time, revision, trace_count, span_count)
     values ('default', 'ses_1', 'key', 0, 'chat', 'all night', 'acme', $1, 0, 1, 1)`,
    [BEFORE],
  )
  for (const at of [server, sidecar]) {
    // What is remembered of a session that nobody knows the beginning of serves for a second.
    let months: string[] = []
    while (months.length < 2) {
      const { hold_id } = await letIn(asked, at)
      months = await monthsOf(hold_id)
      await post(`http://127.0.0.1:${at.port}`, `/v1/holds/${hold_id}/release`)
      if (months.length < 2) await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect(months).toEqual(['2026-10-01T00', '2026-11-01T00'])
  }
  await use('chats', '2026-10-01Z', 9)
  const isFull = async () => (await check(asked, sidecar)).reason === 'budget_exhausted'
  while (!(await isFull())) await new Promise((resolve) => setTimeout(resolve, 50))
  expect(await letIn({ ...asked, session: 'begun now' }, sidecar)).toMatchObject({ decision: 'allow' })
})

test('what is no such instant is refused, over HTTP and in frames alike', async () => {
  const ahead = new Date(Date.now() + 86_460_000).toISOString()
  const frames = await openFrames({ host: '127.0.0.1', port: server.port })
  for (const started_at of [
    '2019-12-31T23:59:59Z',
    ahead,
    '2026-11-01',
    'yesterday',
    1_793_491_200_000,
    {},
  ]) {
    const { status, body } = await post(`http://127.0.0.1:${server.port}`, '/v1/check', {
      customer: 'acme',
      started_at,
    })
    expect([status, body.faults?.[0]?.path], String(started_at)).toEqual([400, '/started_at'])
    frames.send(1, FRAME_KINDS.check, { customer: 'acme', started_at })
    const [told] = await frames.next()
    expect(told!.body).toEqual(body)
  }
  const soon = new Date(Date.now() + 86_340_000).toISOString()
  expect((await check({ started_at: soon })).decision).toBe('allow')
  frames.socket.destroy()
})

test('a key that comes again with another start is another request', async () => {
  const asked = { idempotency_key: 'turn', agent: 'keyed' }
  const first = await check({ ...asked, started_at: BEFORE })
  expect(await check({ ...asked, started_at: BEFORE })).toEqual(first)
  expect(await check({ ...asked, started_at: '2026-10-31T23:59:51Z' })).toMatchObject({ code: 'conflict' })
})

/** Traces that begin around midnight, each with calls of its own that are asked for later, and used later still. */
const trace = fc.record({
  beginsAt: fc.integer({ min: -20, max: 19 }),
  calls: fc.array(
    fc.record({ after: fc.integer({ min: 0, max: 25 }), lasts: fc.integer({ min: 1, max: 6 }) }),
    {
      minLength: 1,
      maxLength: 4,
    },
  ),
  isAtSidecar: fc.boolean(),
})

let run = 0
test('around midnight neither month is passed by what is let in', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(trace, { minLength: 8, maxLength: 14 }),
      fc.integer({ min: 1, max: 4 }),
      async (traces, limit) => {
        run += 1
        const budgetId = `turn${run}`
        now = TURN - 30_000
        await putBudget(world.database.pool, budgetId, {
          scope: { agent: budgetId },
          unit: 'model_calls',
          limit: String(limit),
          window: 'month',
        })
        const happenings = traces
          .flatMap(({ beginsAt, calls, isAtSidecar }) =>
            calls.map(({ after, lasts }) => ({ beginsAt, at: beginsAt + after, lasts, isAtSidecar })),
          )
          .sort((a, b) => a.at - b.at)
        const running: { readonly until: number; readonly month: string; readonly holdId: string }[] = []
        const admitted = new Map<string, number>()
        for (const { beginsAt, at, lasts, isAtSidecar } of happenings) {
          for (const over of running.filter(({ until }) => until <= at)) {
            running.splice(running.indexOf(over), 1)
            await use(budgetId, over.month, 1, over.holdId)
          }
          now = TURN + at * 1_000
          const month = beginsAt < 0 ? '2026-10-01T00:00:00Z' : '2026-11-01T00:00:00Z'
          const started_at = new Date(TURN + beginsAt * 1_000).toISOString()
          // As at midnight, when all that is known of a month is over: nobody is known yet.
          const product = at < 0 ? 'before' : 'after'
          const { decision, hold_id } = await check(
            { agent: budgetId, product, started_at },
            isAtSidecar ? sidecar : server,
          )
          const so = admitted.get(month) ?? 0
          if (decision !== 'allow') continue
          admitted.set(month, so + 1)
          running.push({ until: at + lasts, month, holdId: hold_id })
          expect(so + 1, `${month} of ${limit}`).toBeLessThanOrEqual(limit)
        }
        for (const { month, holdId } of running) await use(budgetId, month, 1, holdId)
        const { rows } = await world.database.pool.query(
          `select to_char(window_start at time zone 'UTC', 'YYYY-MM-DD"T00:00:00Z"') as month, used::integer
           from aforo_store.budget_counters where budget_id = $1 and used > 0`,
          [budgetId],
        )
        expect(new Map(rows.map((row) => [row.month, row.used]))).toEqual(admitted)
      },
    ),
    { numRuns: RUNS, endOnFailure: true },
  )
})

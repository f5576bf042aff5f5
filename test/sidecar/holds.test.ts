import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CounterKey, Exchange, HoldRecord } from '../../core/lease.ts'
import { NO_RATES } from '../../core/rate-card.ts'
import { HOLD_GRACE_MS, SETTLED_MS } from '../../schema/budgets/book-holds.ts'
import { LEASE_MS } from '../../schema/budgets/grant-lease.ts'
import {
  EXCHANGE_ROWS_MAX,
  endHolds,
  endOverdueHolds,
  exchange,
  OVERDUE_ROWS_MAX,
} from '../../schema/budgets/holds.ts'
import { LEASE_GRACE_MS } from '../../schema/budgets/take-in.ts'
import { gaveWay } from '../../schema/faults.ts'
import { transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { givenOut, putBudget, until } from './start.ts'

let database: TestDatabase
let no = 0

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())

const START = Date.parse('2026-03-01T12:00:00Z')
const at = (ms: number) => new Date(START + ms)
const NOBODY = { customer: 'acme', product: null, agent: null, session: null, trace: null }

async function counter(limit: string, unit: 'tokens' | 'price' = 'tokens'): Promise<CounterKey> {
  const budgetId = `b${no++}`
  await putBudget(database.pool, budgetId, { limit, unit })
  return { budgetId, counting: 1, subject: '[]', windowStart: '-infinity' }
}

const order = (key: CounterKey, target: string, need = target) => ({
  counter: key,
  leaseId: null,
  target,
  need,
  least: need,
})
const told = (sidecarId: string, seq: number, more: Partial<Exchange>): Exchange => ({
  sidecarId,
  seq,
  holds: [],
  ends: [],
  orders: [],
  ...more,
})
const hold = (
  holdId: string,
  key: CounterKey,
  leaseId: string | null,
  amount: string,
  more: Partial<HoldRecord> = {},
) => ({
  holdId,
  spender: NOBODY,
  model: null,
  heldBy: 'price' as const,
  takes: [{ counter: key, leaseId, amount }],
  card: NO_RATES,
  msLeft: 60_000,
  end: null,
  ...more,
})
const send = (message: Exchange, ms = 0) => exchange(database.pool, 'default', message, at(ms))
const leasedOf = async ({ budgetId }: CounterKey) => {
  const { rows } = await database.pool.query(
    'select trim_scale(leased)::text as leased from aforo_store.budget_counters where budget_id = $1',
    [budgetId],
  )
  return rows[0].leased
}
const endBySpans = (...ids: string[]) =>
  transaction(database.pool, (client) =>
    endHolds(
      client,
      'default',
      ids.map((holdId) => ({ holdId, actual: { model_calls: '1' } })),
      at(1_000),
    ),
  )

const heldOf = async (holdId: string) => {
  const { rows } = await database.pool.query(
    `select state, holding, trim_scale(sum(held))::text as held from aforo_store.budget_holds
     join aforo_store.budget_hold_takes using (tenant_id, hold_id) where hold_id = $1 group by 1, 2`,
    [holdId],
  )
  return rows[0]
}

/** Begins `work` behind a transaction that locks something it needs; what is returned lets it go on, and waits for it. */
async function waitBehind<T>(lock: string, work: () => Promise<T>): Promise<() => Promise<T>> {
  const client = await database.pool.connect()
  await client.query('begin')
  await client.query(lock)
  const running = work()
  running.catch(() => {})
  await until(async () => {
    const { rows } = await database.pool.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rows.length > 0
  })
  return async () => {
    await client.query('rollback')
    client.release()
    return running
  }
}

test('many sidecars at once are granted no more than there is', async () => {
  const key = await counter('100')
  const replies = await Promise.all(
    Array.from({ length: 12 }, (_, i) => send(told(`many${i}`, 1, { orders: [order(key, '30', '9')] }))),
  )
  const granted = replies.map(({ grants }) => Number(grants[0]!.amount)).reduce((a, b) => a + b)
  expect(granted).toBeLessThanOrEqual(100)
  expect(granted).toBeGreaterThan(90)
  expect(Number(await leasedOf(key))).toBeCloseTo(granted, 9)
})

test('a message that comes twice counts once, one that was overtaken not at all', async () => {
  const key = await counter('100')
  const first = told('twice', 1, { orders: [order(key, '10')] })
  const { grants } = await send(first)
  const lease = grants[0]!.leaseId
  const second = told('twice', 2, {
    holds: [hold('h1', key, lease, '4')],
    orders: [{ ...order(key, '6'), leaseId: lease }],
  })
  await send(second)
  const again = await send(second)
  expect(again.grants[0]).toMatchObject({ leaseId: lease, amount: '6' })
  await send(first)
  expect(await leasedOf(key)).toBe('10')
})

test('a span ends its hold, before or after the centre has heard of it', async () => {
  const key = await counter('100')
  const lease = (await send(told('span', 1, { orders: [order(key, '10')] }))).grants[0]!.leaseId
  await send(
    told('span', 2, {
      holds: [hold('late', key, lease, '4')],
      orders: [{ ...order(key, '6'), leaseId: lease }],
    }),
  )
  await endBySpans('late', 'early')
  expect(await leasedOf(key)).toBe('6')
  await send(
    told('span', 3, {
      holds: [hold('early', key, lease, '4')],
      orders: [{ ...order(key, '2'), leaseId: lease }],
    }),
  )
  expect(await leasedOf(key)).toBe('2')
  // A settlement afterwards is noted and frees nothing twice.
  const { ends } = await send(told('span', 4, { ends: [{ holdId: 'early', actual: { tokens: '3' } }] }))
  expect(ends).toEqual([{ holdId: 'early', state: 'settled', late: false, over: [] }])
  expect(await leasedOf(key)).toBe('2')
})

test('a hold that is told of while its span is being counted, and neither finds the other, ends all the same', async () => {
  const key = await counter('100')
  const lease = (await send(told('meet', 1, { orders: [order(key, '10')] }))).grants[0]!.leaseId
  const holding = (holdId: string) => ({
    holds: [hold(holdId, key, lease, '4')],
    orders: [{ ...order(key, '2'), leaseId: lease }],
  })
  // The span is counted after the sidecar's message has looked for it, and before that is written.
  const ofLease = await waitBehind(
    `select from aforo_store.budget_leases where lease_id = '${lease}' for update`,
    () => send(told('meet', 2, holding('spanFirst'))),
  )
  await endBySpans('spanFirst')
  await ofLease()
  expect(await heldOf('spanFirst')).toEqual({ state: 'settled', holding: false, held: '0' })
  expect(await leasedOf(key)).toBe('2')
  // The sidecar's message is taken in after the count has looked for the hold, and before that is written.
  await send(told('meet', 3, { orders: [{ ...order(key, '6'), leaseId: lease }] }))
  const ofMark = await waitBehind(
    `insert into aforo_store.budget_holds
       (tenant_id, hold_id, held_by, state, late, card, opened_at, expires_at, changed_at, holding)
     values ('default', 'a', 'price', 'settled', false, '{}', now(), now(), now(), false)`,
    () => endBySpans('a', 'holdFirst'),
  )
  await send(told('meet', 4, holding('holdFirst')))
  expect(gaveWay(await ofMark().catch((error: unknown) => error))).toBe(true)
  await endBySpans('a', 'holdFirst')
  expect(await heldOf('holdFirst')).toEqual({ state: 'settled', holding: false, held: '0' })
  expect(await leasedOf(key)).toBe('2')
})

test('what nobody ends in time ends by itself, and a settlement that comes late is held until its span could be there', async () => {
  const key = await counter('100')
  const lease = (await send(told('slow', 1, { orders: [order(key, '10')] }))).grants[0]!.leaseId
  await send(told('slow', 2, { holds: [hold('slow1', key, lease, '4'), hold('slow2', key, lease, '3')] }))
  await send(told('slow', 3, { ends: [{ holdId: 'slow2', actual: { tokens: '1' } }] }), 50_000)
  expect(await leasedOf(key)).toBe('8')
  await endOverdueHolds(database.pool, at(60_000 + HOLD_GRACE_MS - 1))
  expect(await leasedOf(key)).toBe('8')
  await endOverdueHolds(database.pool, at(60_000 + HOLD_GRACE_MS))
  expect(await leasedOf(key)).toBe('4')
  await endOverdueHolds(database.pool, at(50_000 + SETTLED_MS))
  expect(await leasedOf(key)).toBe('3')
  await endOverdueHolds(database.pool, at(LEASE_MS + LEASE_GRACE_MS - 1))
  expect(await leasedOf(key)).toBe('3')
  await endOverdueHolds(database.pool, at(LEASE_MS + LEASE_GRACE_MS))
  expect(await leasedOf(key)).toBe('0')
  const { ends } = await send(
    told('slow', 4, { ends: [{ holdId: 'slow1', actual: { tokens: '7' } }] }),
    200_000,
  )
  expect(ends).toEqual([{ holdId: 'slow1', state: 'settled', late: true, over: ['tokens'] }])
  const { rows } = await database.pool.query(
    `select state, late, actual, trim_scale(over)::text as over, trim_scale(held)::text as held
     from aforo_store.budget_holds join aforo_store.budget_hold_takes using (tenant_id, hold_id) where hold_id = 'slow1'`,
  )
  expect(rows).toEqual([{ state: 'settled', late: true, actual: { tokens: '7' }, over: '3', held: '4' }])
  expect(await leasedOf(key)).toBe('4')
  await send(told('slow', 5, { ends: [{ holdId: 'slow1', actual: { tokens: '7' } }] }), 210_000)
  expect(await leasedOf(key)).toBe('4')
  await endOverdueHolds(database.pool, at(200_000 + SETTLED_MS - 1))
  expect(await leasedOf(key)).toBe('4')
  await endOverdueHolds(database.pool, at(200_000 + SETTLED_MS))
  expect(await leasedOf(key)).toBe('0')
})

test('a settlement of what was released is held, even beyond the limit, until its span is counted', async () => {
  const key = await counter('10')
  const lease = (await send(told('back', 1, { orders: [order(key, '10')] }))).grants[0]!.leaseId
  await send(told('back', 2, { holds: [hold('back1', key, lease, '4')], orders: [] }))
  await send(told('back', 3, { ends: [{ holdId: 'back1', actual: null }] }))
  expect(await leasedOf(key)).toBe('6')
  await send(told('other', 1, { orders: [order(key, '4')] }))
  expect(await leasedOf(key)).toBe('10')
  await send(told('back', 4, { ends: [{ holdId: 'back1', actual: { tokens: '3' } }] }))
  expect(await leasedOf(key)).toBe('13')
  await endBySpans('back1')
  expect(await leasedOf(key)).toBe('10')
})

test('holds that ended long ago are forgotten for as long as there are any, so many at once', async () => {
  const ended = OVERDUE_ROWS_MAX * 2 + 1
  const [long, later] = [at(0), at(1)].map((since) => new Date(since.getTime() - 8 * 86_400_000))
  await database.pool.query(
    `insert into aforo_store.budget_holds (tenant_id, hold_id, held_by, state, late, card, opened_at, expires_at, changed_at,
       holding)
     select 'forgetful', 'old' || no, 'price', 'settled', false, '{}', $1, $1, $1, false from generate_series(1, $2) as no`,
    [long, ended],
  )
  const left = async () => {
    const { rows } = await database.pool.query(
      `select count(*)::int as left from aforo_store.budget_holds where tenant_id = 'forgetful'`,
    )
    return rows[0].left
  }
  await endOverdueHolds(database.pool, later!)
  expect(await left(), 'they are kept for seven days').toBe(ended)
  const turns: number[] = []
  for (let done = 1; done > 0; turns.push(done)) done = await endOverdueHolds(database.pool, at(0))
  expect(turns).toEqual([OVERDUE_ROWS_MAX, OVERDUE_ROWS_MAX, 1, 0])
  expect(await left()).toBe(0)
})

test('a hold out of a lease that is no more holds nothing', async () => {
  const key = await counter('100')
  const lease = (await send(told('gone', 1, { orders: [order(key, '10')] }))).grants[0]!.leaseId
  await endOverdueHolds(database.pool, at(LEASE_MS + LEASE_GRACE_MS))
  const back = told('gone', 2, {
    holds: [hold('gone1', key, lease, '4', { msLeft: -1 })],
    orders: [order(key, '5')],
  })
  await send(back, LEASE_MS + LEASE_GRACE_MS)
  expect(await leasedOf(key)).toBe('5')
})

test('a rolling window still rolls when its counter was first made for a lease', async () => {
  await putBudget(database.pool, 'rolling', { limit: '10', unit: 'tokens', window: 'hour' })
  const key = { budgetId: 'rolling', counting: 1, subject: '[]', windowStart: '-infinity' }
  await send(told('roll', 1, { orders: [order(key, '4')] }))
  const { rows } = await database.pool.query(
    `select slots from aforo_store.budget_counters where budget_id = 'rolling'`,
  )
  expect(rows).toEqual([{ slots: {} }])
})

test('a message with more than it may hold is refused', async () => {
  const key = await counter('1')
  const ends = Array.from({ length: EXCHANGE_ROWS_MAX }, (_, i) => ({ holdId: `x${i}`, actual: null }))
  await expect(send(told('big', 1, { ends, orders: [order(key, '1')] }))).rejects.toMatchObject({
    code: 'body_too_large',
  })
  expect((await send(told('big', 2, { ends }))).ends.every(({ state }) => state === null)).toBe(true)
})

test('what is leased is what leases and holds have', async () => {
  const { leased, leases, held } = await givenOut(database.pool)
  expect(Number(leased)).toBeCloseTo(Number(leases) + Number(held), 9)
})

import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SILENT } from '../../core/log.ts'
import { NO_TOKENS } from '../../core/usage.ts'
import { REFILL_BATCH_MAX, refillDue } from '../../rating/ledger/refill-due.ts'
import { createRater } from '../../rating/rater.ts'
import { recordGrant } from '../../schema/ledger/grant.ts'
import { voidGrant } from '../../schema/ledger/void.ts'
import { transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { at, creditMonths, OWING, PLAN, ROLLING } from './credit-months.ts'
import { assemblyOf, modelCall, storeCustomer, storeEvent, storePlan } from './events.ts'
import { ledgerFaults } from './ledger-faults.ts'

let database: TestDatabase
let pool: pg.Pool
let months: ReturnType<typeof creditMonths>
beforeAll(async () => {
  database = await testDatabase()
  pool = database.pool
  months = creditMonths(pool)
  await storePlan(pool, 'plain', PLAN)
  await storePlan(pool, 'monthly', { ...PLAN, grants: [{ name: 'monthly', amount: '100' }] })
  await storePlan(pool, 'rolling', ROLLING)
  await storePlan(pool, 'keeping', {
    ...PLAN,
    grants: [{ name: 'kept', amount: '10', kind: 'paid', expires: 'never', priority: 7 }],
  })
  await storePlan(pool, 'owing', OWING)
})
afterAll(async () => {
  expect(await ledgerFaults(pool)).toEqual([])
  await database.drop()
})

describe('a grant of each period', () => {
  test('is made at its start and expires at its end', async () => {
    await months.subscribe('each', 'monthly', '2026-01-31T00:00:00', { anchorDay: 31 })
    await months.turn('2026-02-27T23:59:59')
    await months.turn('2026-02-28T00:00:00')
    expect(await months.postings('each')).toEqual([
      'grant 01-31: issued → grant:1 100',
      'grant 02-28: issued → grant:2 100',
      'expiry 02-28: grant:1 → breakage:1 100',
    ])
    const { rows } = await pool.query(
      `select kind, priority, rule, effective_at::text, expires_at::text from aforo_store.credit_grants
       where customer_id = 'each' order by grant_id desc limit 1`,
    )
    expect(rows).toEqual([
      {
        kind: 'promo',
        priority: 50,
        rule: 'monthly',
        effective_at: '2026-02-28 00:00:00+00',
        expires_at: '2026-03-31 00:00:00+00',
      },
    ])
  })

  test('follows the customer’s time zone', async () => {
    await months.subscribe('auckland', 'monthly', '2026-10-31T11:00:00', { timezone: 'Pacific/Auckland' })
    await months.turn('2026-11-30T10:59:59')
    expect((await months.postings('auckland')).length).toBe(1)
    await months.turn('2026-11-30T11:00:00')
    expect((await months.postings('auckland')).length).toBe(3)
  })

  test('is made up for after nobody ran, each at its own time, and once', async () => {
    await months.subscribe('caught-up', 'keeping', '2026-01-15T00:00:00')
    await Promise.all(Array.from({ length: 5 }, () => months.turn('2026-04-02T00:00:00')))
    await months.turn('2026-04-02T00:00:00')
    expect(await months.postings('caught-up')).toEqual([
      'grant 01-15: issued → grant:1 10',
      'grant 02-01: issued → grant:2 10',
      'grant 03-01: issued → grant:3 10',
      'grant 04-01: issued → grant:4 10',
    ])
  })

  test('is there for the first debit of its period, though nothing had made it yet', async () => {
    await months.subscribe('early', 'rolling', '2026-01-01T00:00:00')
    await months.use('early', '2026-01-10T00:00:00', 30)
    await months.use('early', '2026-02-01T00:00:00', 60)
    expect(await months.postings('early')).toEqual([
      'grant 01-01: issued → grant:1 100',
      'usage 01-10: grant:1 → usage 30',
      'rollover 02-01: grant:1 → grant:2 50',
      'grant 02-01: issued → grant:3 100',
      'usage 02-01: grant:2 → usage 50',
      'usage 02-01: grant:3 → usage 10',
    ])
    await months.turn('2026-02-01T00:00:00')
    expect((await months.postings('early')).at(-1)).toBe('expiry 02-01: grant:1 → breakage:1 20')
  })

  test('comes with the plan in force: another one’s from where it takes over', async () => {
    await months.subscribe('moved', 'keeping', '2026-01-01T00:00:00')
    await months.turn('2026-01-01T00:00:00')
    await months.subscribe('moved', 'monthly', '2026-01-20T00:00:00')
    await months.turn('2026-02-01T00:00:00')
    expect((await months.postings('moved')).filter((line) => line.startsWith('grant'))).toEqual([
      'grant 01-01: issued → grant:1 10',
      'grant 01-20: issued → grant:2 100',
      'grant 02-01: issued → grant:3 100',
    ])
  })

  test('is not made by a plan that has none, and by a later version of it from the next period on', async () => {
    await storePlan(pool, 'grows', PLAN)
    await months.subscribe('grown', 'grows', '2026-01-01T00:00:00')
    await months.turn('2026-01-05T00:00:00')
    await storePlan(
      pool,
      'grows',
      { ...PLAN, grants: [{ name: 'new', amount: '5' }] },
      '2026-01-10T00:00:00Z',
    )
    await months.turn('2026-01-20T00:00:00')
    expect(await months.postings('grown')).toEqual([])
    await months.turn('2026-02-01T00:00:00')
    expect(await months.postings('grown')).toEqual(['grant 02-01: issued → grant:1 5'])
  })

  test('of more customers than one turn takes is made by the next turns', async () => {
    const many = REFILL_BATCH_MAX + 1
    await pool.query(
      `with customers as (
         insert into aforo_store.customers select 'bulk', 'c' || no, null, $2 from generate_series(1, $1) no
         returning customer_id)
       insert into aforo_store.subscriptions
         (tenant_id, customer_id, plan_id, effective_from, timezone, anchor_day, recorded_at)
       select 'bulk', customer_id, 'plain', $2, 'UTC', 1, $2 from customers`,
      [many, at('2026-05-01T00:00:00')],
    )
    const now = at('2026-05-01T00:00:00')
    const turns: number[] = []
    for (let done = 1; done > 0; turns.push(done)) done = await refillDue(pool, SILENT, now)
    expect(turns.reduce((a, b) => a + b)).toBeGreaterThanOrEqual(many)
    expect(Math.max(...turns)).toBe(REFILL_BATCH_MAX)
  })

  test('that cannot be made is not in the way of the others', async () => {
    await months.subscribe('broken', 'monthly', '2026-06-01T00:00:00', { timezone: 'Mars/Olympus' })
    await months.subscribe('sound', 'monthly', '2026-06-01T00:00:00')
    await months.turn('2026-06-01T00:00:00')
    expect([(await months.postings('broken')).length, (await months.postings('sound')).length]).toEqual([
      0, 1,
    ])
    await pool.query("update aforo_store.subscriptions set timezone = 'UTC' where customer_id = 'broken'")
    await months.turn('2026-06-01T00:01:00')
    expect(await months.postings('broken')).toEqual(['grant 06-01: issued → grant:1 100'])
  })
})

describe('a grant that is taken back', () => {
  const key = (customerId: string) => ({ tenantId: 'default', customerId })
  const give = (customer: string, amount: string, expires: string | null = null) =>
    transaction(pool, (client) =>
      recordGrant(
        client,
        key(customer),
        {
          amount,
          kind: 'paid',
          priority: 50,
          effectiveAt: null,
          expiresAt: expires && at(expires).toISOString(),
        },
        at('2026-01-01T00:00:00'),
      ),
    )
  const take = (customer: string, grantId: string, now: string) =>
    transaction(pool, (client) => voidGrant(client, key(customer), grantId, at(now)))

  test('gives back what is left; 50 used before and 50 after are 50 overage', async () => {
    await months.subscribe('void', 'plain', '2026-01-01T00:00:00')
    const id = await give('void', '100')
    await months.use('void', '2026-01-02T00:00:00', 50)
    expect((await take('void', id, '2026-01-03T00:00:00')).toFixed()).toBe('50')
    await months.use('void', '2026-01-04T00:00:00', 50)
    expect(await months.accounts('void')).toEqual({ grant: '0', issued: '-50', overage: '-50', usage: '100' })
    await expect(take('void', id, '2026-01-05T00:00:00')).rejects.toMatchObject({ code: 'conflict' })
    await expect(take('void', '1', '2026-01-05T00:00:00')).rejects.toMatchObject({ code: 'not_found' })
    await storeCustomer(pool, 'another')
    await expect(take('another', id, '2026-01-05T00:00:00')).rejects.toMatchObject({ code: 'not_found' })
  })

  test('gives back what expired of it, and what a correction returns to it', async () => {
    await months.subscribe('void-late', 'plain', '2026-01-01T00:00:00')
    const id = await give('void-late', '100', '2026-02-01T00:00:00')
    const traceNo = await months.use('void-late', '2026-01-02T00:00:00', 50)
    await months.turn('2026-02-01T00:00:00')
    expect((await take('void-late', id, '2026-02-02T00:00:00')).toFixed()).toBe('50')
    const fewer = assemblyOf({ calls: [modelCall(1, { buckets: { ...NO_TOKENS, inputUncached: 20 } })] })
    const when = { time: at('2026-01-02T00:00:00'), recordedAt: at('2026-02-03T00:00:00') }
    await storeEvent(pool, { traceNo, revision: 1, customer: 'void-late', ...when, assembly: fewer })
    await createRater({ pool }).rate(at('2026-02-03T00:00:00'))
    await months.turn('2026-02-03T00:00:00')
    expect((await months.postings('void-late')).slice(-2)).toEqual([
      'correction 01-02: usage → grant:1 30',
      'void 02-03: grant:1 → issued 30',
    ])
    await months.use('void-late', '2026-01-20T00:00:00', 5, '2026-02-04T00:00:00')
    expect((await months.postings('void-late')).at(-1)).toBe('usage 01-20: overage → usage 5')
  })
})

test('raters, refills and expiry at once make each grant once and carry over once', async () => {
  const customers = ['x', 'y', 'z']
  let traceNo = 1_000
  for (const customer of customers) await months.subscribe(customer, 'rolling', '2026-01-01T00:00:00')
  const queue: Promise<unknown>[] = []
  for (const month of ['01', '02', '03']) {
    for (const customer of customers) {
      const buckets = { ...NO_TOKENS, inputUncached: 70 }
      const time = at(`2026-${month}-20T00:00:00`)
      const assembly = assemblyOf({ calls: [modelCall(1, { buckets })] })
      await storeEvent(pool, { traceNo: ++traceNo, customer, time, recordedAt: time, assembly })
    }
    const now = `2026-${month}-28T00:00:00`
    queue.push(
      createRater({ pool }).rate(at(now)),
      createRater({ pool }).rate(at(now)),
      months.turn(now),
      months.turn(now),
    )
    await Promise.all(queue)
  }
  await months.turn('2026-04-01T00:00:00')
  for (const customer of customers) {
    const grants = (await months.postings(customer)).filter((line) => /^(grant|rollover)/.test(line))
    expect(grants.toSorted()).toEqual([
      'grant 01-01: issued → grant:1 100',
      'grant 02-01: issued → grant:3 100',
      'grant 03-01: issued → grant:5 100',
      'grant 04-01: issued → grant:7 100',
      'rollover 02-01: grant:1 → grant:2 30',
      'rollover 03-01: grant:3 → grant:4 50',
      'rollover 04-01: grant:5 → grant:6 50',
    ])
  }
})

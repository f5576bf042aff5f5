import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SILENT } from '../../core/log.ts'
import { NO_TOKENS } from '../../core/usage.ts'
import { expireDue } from '../../rating/ledger/expire-due.ts'
import { REFILL_BATCH_MAX, refillDue } from '../../rating/ledger/refill-due.ts'
import { createRater } from '../../rating/rater.ts'
import { recordGrant } from '../../schema/ledger/grant.ts'
import { voidGrant } from '../../schema/ledger/void.ts'
import { transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { assemblyOf, modelCall, storeCustomer, storeEvent, storePlan } from './events.ts'
import { ledgerFaults } from './ledger-faults.ts'

/** One input token is one credit. */
const PLAN = {
  currency: 'USD',
  credit_rate: '0.01',
  bill_as: 'credits',
  meters: [{ meter: 'input_tokens', model: 'per_unit', unit_price: '0.01' }],
}
const at = (text: string) => new Date(`${text}Z`)

let database: TestDatabase
let pool: pg.Pool
let traceNo = 0
beforeAll(async () => {
  database = await testDatabase()
  pool = database.pool
  await storePlan(pool, 'plain', PLAN)
  await storePlan(pool, 'monthly', { ...PLAN, grants: [{ name: 'monthly', amount: '100' }] })
  await storePlan(pool, 'rolling', {
    ...PLAN,
    grants: [{ name: 'monthly', amount: '100', rollover: { max: '50' } }],
  })
  await storePlan(pool, 'keeping', {
    ...PLAN,
    grants: [{ name: 'kept', amount: '10', kind: 'paid', expires: 'never', priority: 7 }],
  })
  await storePlan(pool, 'owing', {
    ...PLAN,
    grants: [{ name: 'monthly', amount: '100', rollover: { max: '50', min: '50', carry_overage: true } }],
  })
})
afterAll(async () => {
  expect(await ledgerFaults(pool)).toEqual([])
  await database.drop()
})

async function subscribe(
  customer: string,
  plan: string,
  from: string,
  of: { timezone?: string; anchorDay?: number } = {},
): Promise<void> {
  await storeCustomer(pool, customer)
  await pool.query(
    `insert into aforo_store.subscriptions
       (tenant_id, customer_id, plan_id, effective_from, timezone, anchor_day, recorded_at)
     values ('default', $1, $2, $3, $4, $5, $3)`,
    [customer, plan, at(from), of.timezone ?? 'UTC', of.anchorDay ?? 1],
  )
}

async function use(customer: string, when: string, credits: number, now = when): Promise<void> {
  const buckets = { ...NO_TOKENS, inputUncached: credits }
  const assembly = assemblyOf({ calls: [modelCall(1, { buckets })] })
  await storeEvent(pool, { traceNo: ++traceNo, customer, time: at(when), recordedAt: at(now), assembly })
  expect(await createRater({ pool }).rate(at(now))).toBe(1)
}

/** As the ticker of a process does it, until nothing is left to do. */
async function turn(now: string): Promise<void> {
  while ((await refillDue(pool, SILENT, at(now))) > 0);
  while ((await expireDue(pool, at(now))) > 0);
}

async function postings(customer: string): Promise<string[]> {
  const { rows } = await pool.query<{ told: string }>(
    `with numbered as (
       select 'grant:' || grant_id as account, 'grant:' || row_number() over (order by grant_id) as name
       from aforo_store.credit_grants where customer_id = $1
     ), named as (
       select account, name from numbered
       union all select replace(account, 'grant', 'breakage'), replace(name, 'grant', 'breakage') from numbered)
     select transaction.kind || ' ' || to_char(effective_at, 'MM-DD') || ': ' || coalesce(a.name, source) || ' → '
       || coalesce(b.name, destination) || ' ' || trim_scale(amount) as told
     from aforo_store.credit_postings posting
     join aforo_store.credit_transactions transaction using (tenant_id, customer_id, transaction_no)
     left join named a on a.account = source left join named b on b.account = destination
     where customer_id = $1 order by entry_no`,
    [customer],
  )
  return rows.map(({ told }) => told)
}

async function accounts(customer: string): Promise<Record<string, string>> {
  const { rows } = await pool.query<{ account: string; held: string }>(
    `select split_part(account, ':', 1) as account, trim_scale(sum(input - output))::text as held
     from aforo_store.credit_balances where customer_id = $1 group by 1 order by 1`,
    [customer],
  )
  return Object.fromEntries(rows.map((row) => [row.account, row.held]))
}

describe('a grant of each period', () => {
  test('is made at its start and expires at its end', async () => {
    await subscribe('each', 'monthly', '2026-01-31T00:00:00', { anchorDay: 31 })
    await turn('2026-02-27T23:59:59')
    await turn('2026-02-28T00:00:00')
    expect(await postings('each')).toEqual([
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
    await subscribe('auckland', 'monthly', '2026-10-31T11:00:00', { timezone: 'Pacific/Auckland' })
    await turn('2026-11-30T10:59:59')
    expect((await postings('auckland')).length).toBe(1)
    await turn('2026-11-30T11:00:00')
    expect((await postings('auckland')).length).toBe(3)
  })

  test('is made up for after nobody ran, each at its own time, and once', async () => {
    await subscribe('caught-up', 'keeping', '2026-01-15T00:00:00')
    await Promise.all(Array.from({ length: 5 }, () => turn('2026-04-02T00:00:00')))
    await turn('2026-04-02T00:00:00')
    expect(await postings('caught-up')).toEqual([
      'grant 01-15: issued → grant:1 10',
      'grant 02-01: issued → grant:2 10',
      'grant 03-01: issued → grant:3 10',
      'grant 04-01: issued → grant:4 10',
    ])
  })

  test('is there for the first debit of its period, though nothing had made it yet', async () => {
    await subscribe('early', 'rolling', '2026-01-01T00:00:00')
    await use('early', '2026-01-10T00:00:00', 30)
    await use('early', '2026-02-01T00:00:00', 60)
    expect(await postings('early')).toEqual([
      'grant 01-01: issued → grant:1 100',
      'usage 01-10: grant:1 → usage 30',
      'rollover 02-01: grant:1 → grant:2 50',
      'grant 02-01: issued → grant:3 100',
      'usage 02-01: grant:2 → usage 50',
      'usage 02-01: grant:3 → usage 10',
    ])
    await turn('2026-02-01T00:00:00')
    expect((await postings('early')).at(-1)).toBe('expiry 02-01: grant:1 → breakage:1 20')
  })

  test('comes with the plan in force: another one’s from where it takes over', async () => {
    await subscribe('moved', 'keeping', '2026-01-01T00:00:00')
    await turn('2026-01-01T00:00:00')
    await subscribe('moved', 'monthly', '2026-01-20T00:00:00')
    await turn('2026-02-01T00:00:00')
    expect((await postings('moved')).filter((line) => line.startsWith('grant'))).toEqual([
      'grant 01-01: issued → grant:1 10',
      'grant 01-20: issued → grant:2 100',
      'grant 02-01: issued → grant:3 100',
    ])
  })

  test('is not made by a plan that has none, and by a later version of it from the next period on', async () => {
    await storePlan(pool, 'grows', PLAN)
    await subscribe('grown', 'grows', '2026-01-01T00:00:00')
    await turn('2026-01-05T00:00:00')
    await storePlan(
      pool,
      'grows',
      { ...PLAN, grants: [{ name: 'new', amount: '5' }] },
      '2026-01-10T00:00:00Z',
    )
    await turn('2026-01-20T00:00:00')
    expect(await postings('grown')).toEqual([])
    await turn('2026-02-01T00:00:00')
    expect(await postings('grown')).toEqual(['grant 02-01: issued → grant:1 5'])
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
    await subscribe('broken', 'monthly', '2026-06-01T00:00:00', { timezone: 'Mars/Olympus' })
    await subscribe('sound', 'monthly', '2026-06-01T00:00:00')
    await turn('2026-06-01T00:00:00')
    expect([(await postings('broken')).length, (await postings('sound')).length]).toEqual([0, 1])
    await pool.query("update aforo_store.subscriptions set timezone = 'UTC' where customer_id = 'broken'")
    await turn('2026-06-01T00:01:00')
    expect(await postings('broken')).toEqual(['grant 06-01: issued → grant:1 100'])
  })
})

describe('what is carried over', () => {
  test('is bounded, also with what was carried before', async () => {
    await subscribe('chain', 'rolling', '2026-01-01T00:00:00')
    await use('chain', '2026-01-10T00:00:00', 80)
    await turn('2026-02-01T00:00:00')
    await turn('2026-03-01T00:00:00')
    expect(await postings('chain')).toEqual([
      'grant 01-01: issued → grant:1 100',
      'usage 01-10: grant:1 → usage 80',
      'rollover 02-01: grant:1 → grant:2 20',
      'grant 02-01: issued → grant:3 100',
      'rollover 03-01: grant:2 → grant:4 20',
      'rollover 03-01: grant:3 → grant:4 30',
      'grant 03-01: issued → grant:5 100',
      'expiry 03-01: grant:3 → breakage:3 70',
    ])
  })

  test('pays for usage of the period before that is told late, after what expired of it', async () => {
    await subscribe('late', 'rolling', '2026-01-01T00:00:00')
    await turn('2026-02-01T00:00:00')
    await use('late', '2026-01-31T00:00:00', 70, '2026-02-02T00:00:00')
    expect((await postings('late')).slice(-2)).toEqual([
      'usage 01-31: breakage:1 → usage 50',
      'usage 01-31: grant:2 → usage 20',
    ])
    expect(await accounts('late')).toMatchObject({ usage: '70', grant: '130', breakage: '0' })
  })

  test('pays the overage first where the plan says so: 110 of 100 used, 50 kept, 40 left', async () => {
    await subscribe('owing', 'owing', '2026-01-01T00:00:00')
    await use('owing', '2026-01-10T00:00:00', 110)
    await turn('2026-02-01T00:00:00')
    expect((await postings('owing')).slice(-3)).toEqual([
      'rollover 02-01: issued → grant:2 50',
      'rollover 02-01: grant:2 → overage 10',
      'grant 02-01: issued → grant:3 100',
    ])
    expect(await accounts('owing')).toMatchObject({ grant: '140', overage: '0', usage: '110' })
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
    await subscribe('void', 'plain', '2026-01-01T00:00:00')
    const id = await give('void', '100')
    await use('void', '2026-01-02T00:00:00', 50)
    expect((await take('void', id, '2026-01-03T00:00:00')).toFixed()).toBe('50')
    await use('void', '2026-01-04T00:00:00', 50)
    expect(await accounts('void')).toEqual({ grant: '0', issued: '-50', overage: '-50', usage: '100' })
    await expect(take('void', id, '2026-01-05T00:00:00')).rejects.toMatchObject({ code: 'conflict' })
    await expect(take('void', '1', '2026-01-05T00:00:00')).rejects.toMatchObject({ code: 'not_found' })
    await storeCustomer(pool, 'another')
    await expect(take('another', id, '2026-01-05T00:00:00')).rejects.toMatchObject({ code: 'not_found' })
  })

  test('gives back what expired of it, and what a correction returns to it', async () => {
    await subscribe('void-late', 'plain', '2026-01-01T00:00:00')
    const id = await give('void-late', '100', '2026-02-01T00:00:00')
    await use('void-late', '2026-01-02T00:00:00', 50)
    await turn('2026-02-01T00:00:00')
    expect((await take('void-late', id, '2026-02-02T00:00:00')).toFixed()).toBe('50')
    const fewer = assemblyOf({ calls: [modelCall(1, { buckets: { ...NO_TOKENS, inputUncached: 20 } })] })
    const when = { time: at('2026-01-02T00:00:00'), recordedAt: at('2026-02-03T00:00:00') }
    await storeEvent(pool, { traceNo, revision: 1, customer: 'void-late', ...when, assembly: fewer })
    await createRater({ pool }).rate(at('2026-02-03T00:00:00'))
    await turn('2026-02-03T00:00:00')
    expect((await postings('void-late')).slice(-2)).toEqual([
      'correction 01-02: usage → grant:1 30',
      'void 02-03: grant:1 → issued 30',
    ])
    await use('void-late', '2026-01-20T00:00:00', 5, '2026-02-04T00:00:00')
    expect((await postings('void-late')).at(-1)).toBe('usage 01-20: overage → usage 5')
  })
})

test('raters, refills and expiry at once make each grant once and carry over once', async () => {
  const customers = ['x', 'y', 'z']
  for (const customer of customers) await subscribe(customer, 'rolling', '2026-01-01T00:00:00')
  const queue: Promise<unknown>[] = []
  for (const month of ['01', '02', '03']) {
    for (const customer of customers) {
      const buckets = { ...NO_TOKENS, inputUncached: 70 }
      const time = at(`2026-${month}-20T00:00:00`)
      const assembly = assemblyOf({ calls: [modelCall(1, { buckets })] })
      await storeEvent(pool, { traceNo: ++traceNo, customer, time, recordedAt: time, assembly })
    }
    const now = `2026-${month}-28T00:00:00`
    queue.push(createRater({ pool }).rate(at(now)), createRater({ pool }).rate(at(now)), turn(now), turn(now))
    await Promise.all(queue)
  }
  await turn('2026-04-01T00:00:00')
  for (const customer of customers) {
    const grants = (await postings(customer)).filter((line) => /^(grant|rollover)/.test(line))
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

import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NO_TOKENS } from '../../core/usage.ts'
import { expireDue } from '../../rating/ledger/expire-due.ts'
import { createRater } from '../../rating/rater.ts'
import { OPEN_GRANTS_MAX, recordGrant } from '../../schema/ledger/grant.ts'
import { transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { assemblyOf, modelCall, NOON, storeCustomer, storeEvent, storePlan } from './events.ts'
import { ledgerFaults } from './ledger-faults.ts'

const PLAN = {
  currency: 'USD',
  credit_rate: '0.03',
  bill_as: 'credits',
  meters: [
    // The second tier is cheaper in all: whoever reaches it gets credits back, of other events too.
    {
      meter: 'input_tokens',
      model: 'volume',
      tiers: [
        { up_to: '9000', unit_price: '0.01', per: '7' },
        { up_to: null, unit_price: '0.004', per: '7' },
      ],
    },
  ],
}
const LATER = new Date(NOON.getTime() + 60_000)

let database: TestDatabase
let pool: pg.Pool
beforeAll(async () => {
  database = await testDatabase()
  pool = database.pool
  await storePlan(pool, 'credits', PLAN)
})
afterAll(() => database.drop())

const REVISION = fc.record({
  input: fc.integer({ min: 0, max: 999 }),
  customer: fc.constantFrom('acme', 'globex', 'initech'),
})
const HISTORY = fc.array(fc.array(REVISION, { minLength: 1, maxLength: 3 }), { minLength: 40, maxLength: 50 })

function usage(input: number) {
  const buckets = { ...NO_TOKENS, inputUncached: input }
  return assemblyOf({ calls: [modelCall(1, { buckets })] })
}

function grant(customerId: string, amount: string, expiresAt: Date | null = null, now = NOON) {
  const said = { amount, kind: 'promo' as const, priority: 50, effectiveAt: null }
  const expiry = expiresAt?.toISOString() ?? null
  return transaction(pool, (client) =>
    recordGrant(client, { tenantId: 'default', customerId }, { ...said, expiresAt: expiry }, now),
  )
}

async function account(customer: string): Promise<Record<string, string>> {
  const { rows } = await pool.query<{ account: string; held: string }>(
    `select split_part(account, ':', 1) as account, trim_scale(sum(input - output))::text as held
     from aforo_store.credit_balances where customer_id = $1 group by 1 order by 1`,
    [customer],
  )
  return Object.fromEntries(rows.map((row) => [row.account, row.held]))
}

test('raters, grants and expiry at once leave a ledger that balances and owes what was rated', async () => {
  for (const customer of ['acme', 'globex', 'initech']) {
    await storeCustomer(pool, customer, 'credits')
    await grant(customer, '3')
    await grant(customer, '5', LATER)
  }
  const [history] = fc.sample(HISTORY, { numRuns: 1, seed: 20_261_123 })
  let waiting = 1
  const rate = async () => {
    const rater = createRater({ pool })
    while (waiting > 0) {
      const rated = await rater.rate(NOON, 7)
      if (rated === 0 && waiting === 2) waiting = 0
    }
  }
  const grantAndExpire = async () => {
    for (let no = 0; no < 12; no++) {
      await grant(['acme', 'globex', 'initech'][no % 3]!, '0.7', no % 2 ? LATER : null)
      await expireDue(pool, LATER)
    }
  }
  const working = [rate(), rate(), rate(), rate(), grantAndExpire()]
  for (const revision of [0, 1, 2]) {
    for (const [no, revisions] of history!.entries()) {
      const state = revisions[revision]
      if (state === undefined) continue
      const { customer, input } = state
      await storeEvent(pool, { traceNo: no + 1, revision, customer, assembly: usage(input) })
    }
  }
  waiting = 2
  await Promise.all(working)
  await createRater({ pool }).rate(NOON)
  const { rows } = await pool.query<{ queued: string; postponed: string }>(
    `select count(*) as queued, count(*) filter (where attempts > 0) as postponed from aforo_store.rating_queue`,
  )
  expect(rows).toEqual([{ queued: '0', postponed: '0' }])
  expect(await ledgerFaults(pool)).toEqual([])
  const kinds = await pool.query<{ kind: string }>(
    'select distinct kind from aforo_store.credit_transactions order by 1',
  )
  expect(kinds.rows.map(({ kind }) => kind)).toEqual(['correction', 'expiry', 'grant', 'usage'])
})

describe('a cheaper tier', () => {
  test('gives back what other events were debited, the last first', async () => {
    await storeCustomer(pool, 'volume', 'credits')
    await grant('volume', '300')
    const input = [4200, 4200, 1400]
    for (const [no, tokens] of input.entries()) {
      await storeEvent(pool, { traceNo: 900 + no, customer: 'volume', assembly: usage(tokens) })
      await createRater({ pool }).rate(NOON)
    }
    // 9,800 / 7 × 0.004 USD are 186.66… credits; 8,400 / 7 × 0.01 were 400.
    const held = await account('volume')
    expect(held).toMatchObject({ usage: '186.666666666666666667', overage: '0' })
    expect(held.grant).toBe('113.333333333333333333')
    expect(await ledgerFaults(pool)).toEqual([])
  })
})

test('an event that is rated twice is debited once, and refused where it says something else', async () => {
  await storeCustomer(pool, 'twice', 'credits')
  await grant('twice', '100')
  await storeEvent(pool, { traceNo: 950, customer: 'twice', assembly: usage(2100) })
  await createRater({ pool }).rate(NOON)
  const before = await account('twice')
  const again = async (queued: string) => {
    const event = `evt_${(950).toString(16).padStart(32, '0')}`
    for (const table of ['ratings', 'cost_lines', 'price_lines', 'event_lines']) {
      await pool.query(`delete from aforo_store.${table} where event_id = $1`, [event])
    }
    await pool.query(
      `update aforo_store.meter_counters set quantity = $1, amount = $1
       where subscription_id = (select max(subscription_id) from aforo_store.subscriptions where customer_id = 'twice')`,
      [queued],
    )
    await pool.query(
      `insert into aforo_store.rating_queue (tenant_id, event_id, revision, time, enqueued_at, not_before)
       select tenant_id, event_id, revision, time, $2, $2 from aforo_store.events where event_id = $1`,
      [event, NOON],
    )
    return createRater({ pool }).rate(NOON)
  }
  expect(await again('0')).toBe(1)
  expect(await account('twice')).toEqual(before)
  expect(await again('0.5'), 'another price for the same revision').toBe(0)
  expect(await account('twice')).toEqual(before)
  await pool.query('delete from aforo_store.rating_queue')
})

test('an unbalanced or impossible posting cannot be written', async () => {
  await storeCustomer(pool, 'strict', 'credits')
  const id = await grant('strict', '2')
  const write = (text: string) => pool.query(text, [`grant:${id}`])
  await expect(
    write(`update aforo_store.credit_balances set output = 3 where account = $1`),
    'more than it got',
  ).rejects.toThrow(/check/)
  for (const [set, why] of [
    ['amount = 0', /check/],
    ['amount = -1', /check/],
    ['destination = source', /check/],
  ] as const) {
    await expect(
      write(`update aforo_store.credit_postings set ${set} where destination = $1`),
    ).rejects.toThrow(why)
  }
})

test('a customer has a bounded number of grants with credits left', async () => {
  await storeCustomer(pool, 'many', 'credits')
  await grant('many', '1')
  await pool.query(
    `with granted as (
       insert into aforo_store.credit_grants (tenant_id, customer_id, kind, amount, priority, recorded_at)
       select 'default', 'many', 'paid', 1, 50, now() from generate_series(2, $1) returning grant_id)
     insert into aforo_store.credit_balances (tenant_id, customer_id, account, input)
     select 'default', 'many', 'grant:' || grant_id, 1 from granted`,
    [OPEN_GRANTS_MAX],
  )
  await expect(grant('many', '1')).rejects.toThrow(/1000 grants/)
})

import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Decimal } from '../../core/money.ts'
import { addGrant, issue } from '../../schema/ledger/grant.ts'
import { lockWallets } from '../../schema/ledger/lock.ts'
import { writeWallets } from '../../schema/ledger/write.ts'
import { transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { at, creditMonths, OWING, PLAN, ROLLING } from './credit-months.ts'
import { storePlan } from './events.ts'
import { ledgerFaults } from './ledger-faults.ts'

let database: TestDatabase
let pool: pg.Pool
let months: ReturnType<typeof creditMonths>
beforeAll(async () => {
  database = await testDatabase()
  pool = database.pool
  months = creditMonths(pool)
  await storePlan(pool, 'rolling', ROLLING)
  await storePlan(pool, 'owing', OWING)
})
afterAll(async () => {
  expect(await ledgerFaults(pool)).toEqual([])
  await database.drop()
})

describe('what is carried over', () => {
  test('is bounded, also with what was carried before', async () => {
    await months.subscribe('chain', 'rolling', '2026-01-01T00:00:00')
    await months.use('chain', '2026-01-10T00:00:00', 80)
    await months.turn('2026-02-01T00:00:00')
    await months.turn('2026-03-01T00:00:00')
    expect(await months.postings('chain')).toEqual([
      'grant 01-01: issued → grant:1 100',
      'usage 01-10: grant:1 → usage 80',
      'rollover 02-01: grant:1 → grant:2 20',
      'grant 02-01: issued → grant:3 100',
      'rollover 03-01: grant:3 → grant:4 50',
      'grant 03-01: issued → grant:5 100',
      'expiry 03-01: grant:2 → breakage:2 20',
      'expiry 03-01: grant:3 → breakage:3 50',
    ])
  })

  test('pays for usage of every period it came through, however often it went on', async () => {
    await storePlan(pool, 'twice', {
      ...PLAN,
      grants: [{ name: 'monthly', amount: '100', rollover: { max: '150' } }],
    })
    await months.subscribe('twice', 'twice', '2026-01-01T00:00:00')
    for (const month of ['01', '02', '03']) await months.turn(`2026-${month}-01T00:00:00`)
    expect((await months.postings('twice')).slice(3)).toEqual([
      'rollover 03-01: grant:2 → grant:4 50',
      'rollover 03-01: grant:3 → grant:5 100',
      'grant 03-01: issued → grant:6 100',
      'expiry 03-01: grant:2 → breakage:2 50',
    ])
    await months.use('twice', '2026-01-20T00:00:00', 90, '2026-03-02T00:00:00')
    await months.use('twice', '2026-01-21T00:00:00', 11, '2026-03-02T00:00:00')
    await months.use('twice', '2026-02-21T00:00:00', 70, '2026-03-02T00:00:00')
    expect((await months.postings('twice')).slice(7)).toEqual([
      'usage 01-20: breakage:2 → usage 50',
      'usage 01-20: grant:4 → usage 40',
      'usage 01-21: grant:4 → usage 10',
      'usage 01-21: overage → usage 1',
      'usage 02-21: grant:5 → usage 70',
    ])
  })

  test('700 of 1,000 told in the month after next are paid: 500 expired, and 200 of what went on', async () => {
    await storePlan(pool, 'thousand', {
      ...PLAN,
      grants: [{ name: 'monthly', amount: '1000', rollover: { max: '500' } }],
    })
    await months.subscribe('thousand', 'thousand', '2026-01-01T00:00:00')
    await months.subscribe('on-time', 'thousand', '2026-01-01T00:00:00')
    await months.use('on-time', '2026-01-20T00:00:00', 700)
    for (const month of ['01', '02', '03']) await months.turn(`2026-${month}-01T00:00:00`)
    await months.use('thousand', '2026-01-20T00:00:00', 700, '2026-03-02T00:00:00')
    expect((await months.postings('thousand')).slice(-2)).toEqual([
      'usage 01-20: breakage:1 → usage 500',
      'usage 01-20: breakage:2 → usage 200',
    ])
    const { overage, issued: _, ...held } = await months.accounts('thousand')
    expect(overage).toBeUndefined()
    expect(held).toEqual({ grant: '1500', breakage: '800', usage: '700' })
    expect(await months.accounts('on-time')).toMatchObject(held)
  })

  test('pays for what is told behind usage of the next period, which gets newer credits for it', async () => {
    await months.subscribe('behind', 'rolling', '2026-01-01T00:00:00')
    await months.use('behind', '2026-02-10T00:00:00', 40)
    await months.use('behind', '2026-01-20T00:00:00', 80, '2026-02-11T00:00:00')
    expect((await months.postings('behind')).slice(3)).toEqual([
      'usage 02-10: grant:2 → usage 40',
      'reclassification 02-10: usage → grant:2 20',
      'reclassification 02-10: grant:3 → usage 20',
      'usage 01-20: grant:1 → usage 50',
      'usage 01-20: grant:2 → usage 30',
    ])
    expect(await months.accounts('behind')).toMatchObject({ grant: '80', usage: '120' })
  })

  test.each([1, 2, 3, 4])(
    'comes to the same in whatever order and however late usage is told (%i)',
    async (seed) => {
      const usage = fc.record({
        month: fc.nat(3),
        credits: fc.integer({ min: 1, max: 120 }),
        late: fc.nat(3),
      })
      const [used] = fc.sample(fc.array(usage, { minLength: 6, maxLength: 10 }), { numRuns: 1, seed })
      const start = (month: number) => `2026-0${month + 1}`
      for (const [customer, isLate] of [
        [`told-late-${seed}`, true],
        [`told-on-time-${seed}`, false],
      ] as const) {
        await months.subscribe(customer, 'rolling', '2026-01-01T00:00:00')
        for (let month = 0; month < 5; month++) {
          await months.turn(`${start(month)}-01T00:00:00`)
          const told = used!.filter(
            (each) => (isLate ? Math.min(4, each.month + each.late) : each.month) === month,
          )
          const events = told.map(
            ({ month: of, credits }, no) => [`${start(of)}-1${no}T00:00:00`, credits] as const,
          )
          await months.tell(customer, events, `${start(month)}-25T00:00:00`)
        }
      }
      const { issued: _, ...held } = await months.accounts(`told-on-time-${seed}`)
      const { issued: __, ...late } = await months.accounts(`told-late-${seed}`)
      const known = (accounts: Record<string, string>) => ({ overage: '0', breakage: '0', ...accounts })
      expect(known(late)).toEqual(known(held))
      expect(late.usage).toBe(String(used!.reduce((sum, { credits }) => sum + credits, 0)))
    },
  )

  test('before the starts were told apart goes on under the one that it has', async () => {
    await months.subscribe('of-old', 'rolling', '2026-01-01T00:00:00')
    await months.use('of-old', '2026-01-10T00:00:00', 80)
    await months.turn('2026-02-01T00:00:00')
    // One grant for all that was carried over into March, 20 of January and 30 of February.
    await months.turn('2026-02-28T00:00:00')
    const { rows } = await pool.query<{ rolled: string; made: string; subscription: string }>(
      `select max(grant_id) filter (where rolled) as rolled, max(grant_id) filter (where not rolled and period_start = $1)
         as made, max(subscription_id) as subscription from aforo_store.credit_grants where customer_id = 'of-old'`,
      [at('2026-02-01T00:00:00')],
    )
    const { rolled, made, subscription } = rows[0]!
    const key = { tenantId: 'default', customerId: 'of-old' }
    const march = at('2026-03-01T00:00:00')
    const start = Date.parse('2026-03-01T00:00:00Z') * 1000
    await transaction(pool, async (client) => {
      const wallet = (await lockWallets(client, [key]))(key)
      const ends = '2026-04-01T00:00:00Z'
      const of = { subscriptionId: subscription, rule: 'monthly', periodStart: '2026-03-01T00:00:00Z' }
      const kind = { kind: 'promo', priority: 50, expiresAt: ends } as const
      const mixed = {
        ...kind,
        amount: '50',
        effectiveAt: '2026-02-01T00:00:00Z',
        refill: { ...of, rolled: true },
      }
      const { grantId } = await addGrant(client, wallet, mixed, march)
      const destination = `grant:${grantId}` as const
      const name = `refill:${subscription}:monthly:${start}`
      const about = { effectiveAt: start, event: null }
      wallet.post(
        { ...about, kind: 'rollover', idempotencyKey: `rollover:${name}` },
        [
          { source: `grant:${rolled}`, destination, amount: new Decimal(20), reverses: null },
          { source: `grant:${made}`, destination, amount: new Decimal(30), reverses: null },
        ],
        start,
      )
      const fresh = { ...kind, amount: '100', effectiveAt: of.periodStart, refill: { ...of, rolled: false } }
      const { grantId: next } = await addGrant(client, wallet, fresh, march)
      wallet.post({ ...about, kind: 'grant', idempotencyKey: name }, [issue(next, new Decimal(100))], start)
      await writeWallets(client, [wallet])
    })
    await months.use('of-old', '2026-03-20T00:00:00', 20)
    await months.turn('2026-04-01T00:00:00')
    await months.use('of-old', '2026-02-20T00:00:00', 90, '2026-04-02T00:00:00')
    await months.use('of-old', '2026-01-20T00:00:00', 5, '2026-04-02T00:00:00')
    expect(
      (await months.postings('of-old')).filter((line) => /^(usage|rollover) /.test(line)).slice(1),
    ).toEqual([
      'rollover 02-01: grant:1 → grant:2 20',
      'rollover 03-01: grant:2 → grant:4 20',
      'rollover 03-01: grant:3 → grant:4 30',
      'usage 03-20: grant:4 → usage 20',
      'rollover 04-01: grant:5 → grant:6 50',
      'usage 02-20: breakage:3 → usage 70',
      'usage 02-20: breakage:4 → usage 20',
      'usage 01-20: overage → usage 5',
    ])
  })

  test('pays for usage of the period before that is told late, after what expired of it', async () => {
    await months.subscribe('late', 'rolling', '2026-01-01T00:00:00')
    await months.turn('2026-02-01T00:00:00')
    await months.use('late', '2026-01-31T00:00:00', 70, '2026-02-02T00:00:00')
    expect((await months.postings('late')).slice(-2)).toEqual([
      'usage 01-31: breakage:1 → usage 50',
      'usage 01-31: grant:2 → usage 20',
    ])
    expect(await months.accounts('late')).toMatchObject({ usage: '70', grant: '130', breakage: '0' })
  })

  test('pays the overage first where the plan says so: 110 of 100 used, 50 kept, 40 left', async () => {
    await months.subscribe('owing', 'owing', '2026-01-01T00:00:00')
    await months.use('owing', '2026-01-10T00:00:00', 110)
    await months.turn('2026-02-01T00:00:00')
    expect((await months.postings('owing')).slice(-3)).toEqual([
      'rollover 02-01: issued → grant:2 50',
      'rollover 02-01: grant:2 → overage 10',
      'grant 02-01: issued → grant:3 100',
    ])
    expect(await months.accounts('owing')).toMatchObject({ grant: '140', overage: '0', usage: '110' })
  })
})

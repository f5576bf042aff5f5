import { afterEach, beforeEach, expect, test } from 'vitest'
import { Decimal } from '../../core/money.ts'
import { NO_TOKENS } from '../../core/usage.ts'
import { periodTotal } from '../../rating/plans/period-adjustments.ts'
import { parsePlan } from '../../rating/plans/plan.ts'
import { splitPeriod } from '../../rating/plans/proration.ts'
import { createRater } from '../../rating/rater.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { assemblyOf, modelCall, NOON, storeCustomer, storeEvent, storePlan } from './events.ts'

const plan = (unit_price: string, minimum: string) => ({
  currency: 'USD',
  minimum,
  meters: [
    {
      meter: 'input_tokens',
      model: 'graduated',
      tiers: [
        { up_to: '1000', unit_price },
        { up_to: null, unit_price: '1' },
      ],
    },
  ],
})
const NOVEMBER = { start: Date.parse('2026-11-01T00:00:00Z'), end: Date.parse('2026-12-01T00:00:00Z') }
const CHANGE = '2026-11-16T00:00:00Z'

let database: TestDatabase
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database.drop())

test('a version that begins within a period splits it, and a late event falls to its own part', async () => {
  const { pool } = database
  await storePlan(pool, 'team', plan('2', '5000'))
  await storePlan(pool, 'team', plan('3', '9000'), CHANGE)
  await storeCustomer(pool, 'acme', 'team')
  const use = (traceNo: number, day: number, inputUncached: number) =>
    storeEvent(pool, {
      traceNo,
      customer: 'acme',
      time: new Date(`2026-11-${day}T12:00:00Z`),
      assembly: assemblyOf({ calls: [modelCall(1, { buckets: { ...NO_TOKENS, inputUncached } })] }),
    })
  await use(1, 10, 700)
  await use(2, 20, 700)
  await use(3, 21, 700)
  await createRater(database).rate(NOON)
  await use(4, 15, 700)
  await createRater(database).rate(NOON)
  const { rows } = await pool.query(
    `select plan_version as version, trim_scale(quantity)::text as quantity, trim_scale(amount)::text as amount,
       (period_start at time zone 'UTC')::date::text as period_start from aforo_store.meter_counters order by 1`,
  )
  expect(rows).toEqual([
    { version: 1, quantity: '1400', amount: '2400', period_start: '2026-11-01' },
    { version: 2, quantity: '1400', amount: '3400', period_start: '2026-11-01' },
  ])
  const parts = splitPeriod(NOVEMBER, [Date.parse(CHANGE)], 'UTC')
  const owed = [plan('2', '5000'), plan('3', '9000')].map((body, no) => {
    const totals = [{ meterNo: 0, quantity: new Decimal(rows[no].quantity) }]
    return periodTotal(parsePlan(body), totals, parts[no]).price.toFixed()
  })
  expect(owed, 'half of each minimum').toEqual(['2500', '4500'])
})

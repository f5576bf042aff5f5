import fc from 'fast-check'
import type pg from 'pg'
import { expect, test } from 'vitest'
import { Decimal } from '../../core/money.ts'
import type { Plan } from '../../core/plan.ts'
import { NO_TOKENS } from '../../core/usage.ts'
import { curveOf } from '../../rating/plans/curve.ts'
import { parsePlan } from '../../rating/plans/plan.ts'
import { createRater } from '../../rating/rater.ts'
import { testDatabase } from '../support/database.ts'
import { anyPlan } from './any-plan.ts'
import {
  assemblyOf,
  modelCall,
  NOON,
  storeCustomer,
  storeEvent,
  storeOverride,
  storePlan,
  toolCall,
} from './events.ts'

const PLAN = parsePlan({
  currency: 'USD',
  meters: [
    // A third of a cent never ends: its rounding must not add up.
    { meter: 'input_tokens', filter: { model: 'a' }, model: 'per_unit', unit_price: '0.01', per: '3' },
    { meter: 'input_tokens', model: 'per_unit', unit_price: '0.02', per: '7' },
    { meter: 'tool_calls', model: 'per_unit', unit_price: '0.002' },
    { meter: 'cogs', model: 'cost_plus', markup_pct: '33.333' },
  ],
})

/** An event as a list of revisions, each with its own calls, tools and customer. */
const REVISION = fc.record({
  calls: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'unknown'), fc.integer({ min: 0, max: 999 })), {
    maxLength: 4,
  }),
  tools: fc.integer({ min: 0, max: 3 }),
  customer: fc.constantFrom('acme', 'globex', 'initech', 'nobody', null),
})
/** Every other one comes twice, as a revision that says the same again. */
const REVISIONS = fc
  .array(REVISION, { minLength: 1, maxLength: 4 })
  .map((revisions) => revisions.flatMap((state, no) => (no % 2 === 1 ? [state, state] : [state])))
const HISTORY = fc.array(REVISIONS, { minLength: 40, maxLength: 60 })
const SEED = 20_261_123

const EVERY_MODEL = parsePlan({
  currency: 'USD',
  discount_pct: '12.5',
  included: [{ meter: 'cogs', quantity: '0.001' }],
  meters: [
    {
      meter: 'input_tokens',
      filter: { model: 'a' },
      model: 'graduated',
      tiers: tiersOf('0.01', '0.003', '7'),
    },
    // The second tier is cheaper in all: whoever reaches it gets money back.
    { meter: 'input_tokens', included: '500', model: 'volume', tiers: tiersOf('0.03', '0.01', '0') },
    { meter: 'tool_calls', model: 'package', package_size: '5', package_price: '0.1' },
    { meter: 'model_calls', model: 'flat', flat: '9' },
    { meter: 'cogs', model: 'cost_plus', markup_pct: '33.333' },
  ],
})

/** Three that are written down, one of them in another currency, and two of random models and switches. */
const PLANS = [
  PLAN,
  EVERY_MODEL,
  parsePlan({ ...EVERY_MODEL, currency: 'EUR' }),
  ...fc.sample(anyPlan, { numRuns: 2, seed: SEED }),
]

test.each(PLANS.map((plan, run) => [run, plan] as const))(
  'several raters at once charge F of the total, and a replay the same (%i)',
  async (run, plan) => {
    const [history] = fc.sample(HISTORY, { numRuns: 1, seed: SEED + run })
    const together = await rateHistory(history!, plan, { raters: 4, atOnce: false })
    const replayed = await rateHistory(history!, plan, { raters: 1, atOnce: true })
    expect(together.counters.length).toBeGreaterThan(5)
    for (const { quantity, amount, charged, meterNo, counted } of together.counters) {
      expect(charged).toBe(amount)
      expect(counted).toBe(quantity)
      expect(amount).toBe(expectedPrice(plan, meterNo, quantity))
    }
    expect(replayed.counters).toEqual(together.counters)
    expect(replayed.costs).toEqual(together.costs)
    expect(together.broken).toEqual([])
  },
)

function tiersOf(first: string, second: string, flat: string) {
  return [
    { up_to: '4000', unit_price: first, per: '3', flat },
    { up_to: null, unit_price: second, per: '7' },
  ]
}

function expectedPrice(plan: Plan, meterNo: number, quantity: string): string {
  return curveOf(plan, meterNo).priceOf(new Decimal(quantity)).toFixed()
}

/** Rates a history and takes its sums: while it comes in, or all at once and backwards at the end. */
async function rateHistory(
  history: readonly (readonly (typeof REVISION extends fc.Arbitrary<infer R> ? R : never)[])[],
  plan: Plan,
  { raters, atOnce }: { raters: number; atOnce: boolean },
) {
  const database = await testDatabase()
  const { pool } = database
  try {
    await storePlan(pool, 'team', plan)
    for (const customer of ['acme', 'globex', 'initech']) await storeCustomer(pool, customer, 'team')
    for (const [model, unitPrice] of [
      ['a', '0.000003'],
      ['b', '0.0000007'],
    ] as const) {
      await storeOverride(pool, { provider: 'house', model, meter: 'input_uncached', unitPrice })
    }
    await pool.query(
      `insert into aforo_store.fx_rates (tenant_id, currency, usd, effective_from, recorded_at, source)
       values ('default', 'EUR', 1.0834, '2020-01-01', '2020-01-01', 'test')`,
    )
    let waiting = 1
    const rate = async () => {
      const rater = createRater({ pool })
      while (waiting > 0) {
        const rated = await rater.rate(NOON, 7)
        if (rated === 0 && waiting === 2) waiting = 0
      }
    }
    const working = atOnce ? [] : Array.from({ length: raters }, rate)
    const longest = Math.max(...history.map((revisions) => revisions.length))
    for (let revision = 0; revision < longest; revision++) {
      for (const [traceNo, revisions] of history.entries()) {
        const state = revisions[revision]
        if (state) await storeEvent(pool, { traceNo, revision, ...eventOf(state) })
      }
    }
    waiting = 2
    await Promise.all(working)
    await createRater({ pool }).rate(NOON)
    return await sumsOf(pool)
  } finally {
    await database.drop()
  }
}

function eventOf({
  calls,
  tools,
  customer,
}: {
  calls: [string, number][]
  tools: number
  customer: string | null
}) {
  const assembly = assemblyOf({
    calls: calls.map(([model, inputUncached], no) =>
      modelCall(no + 1, {
        provider: 'house',
        model,
        requestModel: null,
        buckets: { ...NO_TOKENS, inputUncached },
      }),
    ),
    tools: Array.from({ length: tools }, (_, no) => toolCall(100 + no, `tool-${no}`)),
  })
  return { customer, assembly }
}

async function sumsOf(pool: pg.Pool) {
  const counters = await pool.query<
    Record<'customer' | 'quantity' | 'amount' | 'charged' | 'counted', string> & { meterNo: number }
  >(
    `select s.customer_id as customer, c.meter_no as "meterNo", trim_scale(c.quantity)::text as quantity,
       trim_scale(c.amount)::text as amount, trim_scale(l.amount)::text as charged, trim_scale(l.quantity)::text as counted
     from aforo_store.meter_counters c
     join aforo_store.subscriptions s using (tenant_id, subscription_id)
     join lateral (select sum(amount) as amount, sum(quantity) as quantity from aforo_store.price_lines l
       where l.subscription_id = c.subscription_id and l.meter_no = c.meter_no) l on true
     where c.quantity <> 0 order by 1, 2`,
  )
  const costs = await pool.query(
    `select event_id, model, tool, trim_scale(sum(quantity))::text as quantity, trim_scale(sum(amount))::text as amount
     from aforo_store.cost_lines group by 1, 2, 3 having sum(quantity) <> 0 order by 1, 2, 3`,
  )
  const broken = await pool.query(
    `select r.event_id from (
       select event_id, sum(cogs) cogs, sum(price) price, sum(coalesce(price_usd, price)) usd
       from aforo_store.ratings group by 1) r
     left join (
       select event_id, sum(cogs) cogs, sum(price) price, sum(coalesce(price_usd, price)) usd
       from aforo_store.event_lines group by 1) s using (event_id)
     where coalesce(s.cogs, 0) <> r.cogs or coalesce(s.price, 0) <> coalesce(r.price, 0)
       or coalesce(s.usd, 0) <> coalesce(r.usd, 0)
     union all select event_id from aforo_store.rating_queue`,
  )
  return { counters: counters.rows, costs: costs.rows, broken: broken.rows }
}

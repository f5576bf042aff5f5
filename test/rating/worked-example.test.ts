import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seedPriceBook } from '../../rating/prices/seed.ts'
import { createRater } from '../../rating/rater.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
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

const PLAN = {
  currency: 'USD',
  credit_rate: '0.01',
  meters: [
    { meter: 'input_tokens', model: 'per_unit', unit_price: '3', per: '1000000' },
    { meter: 'output_tokens', model: 'per_unit', unit_price: '15', per: '1000000' },
    { meter: 'reasoning_steps', model: 'per_unit', unit_price: '0.006' },
    { meter: 'tool_calls', model: 'per_unit', unit_price: '0.002' },
  ],
}

/** Seven calls with reasoning whose tokens add up to 1,842 in and 623 out, and three tool calls. */
const INPUT = [263, 263, 263, 263, 263, 263, 264]
const OUTPUT = [89, 89, 89, 89, 89, 89, 89]
const WORKED = assemblyOf({
  calls: INPUT.map((inputUncached, no) =>
    modelCall(no + 1, {
      buckets: {
        inputUncached,
        cacheRead: 0,
        cacheWrite: 0,
        cacheWrite1h: 0,
        outputText: OUTPUT[no]! - 40,
        outputReasoning: 40,
      },
      reasoningSteps: 1,
    }),
  ),
  tools: ['db.query', 'api.fetch', 'cache.get'].map((name, no) => toolCall(no + 11, name)),
})

describe('the worked example', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase()
    await seedPriceBook(database.pool, NOON)
    await storePlan(database.pool, 'team', PLAN)
    await storeCustomer(database.pool, 'acme', 'team')
    for (const { name } of WORKED.tools) {
      await storeOverride(database.pool, {
        provider: 'tool',
        model: name,
        meter: 'tool_call',
        unitPrice: '0.0023',
      })
    }
  })
  afterAll(() => database.drop())

  test('costs 0.021771 and is billed 0.062871', async () => {
    const { pool } = database
    await storeEvent(pool, { traceNo: 1, customer: 'acme', assembly: WORKED })
    expect(await createRater({ pool }).rate(NOON)).toBe(1)

    const { rows } = await pool.query(
      `select status, trim_scale(cogs)::text as cogs, trim_scale(price)::text as price,
         trim_scale(credits)::text as credits, currency from aforo_store.ratings`,
    )
    expect(rows).toEqual([
      { status: 'rated', cogs: '0.021771', price: '0.062871', credits: '6.2871', currency: 'USD' },
    ])
    const stack = await pool.query(
      `select part, unit, sum(quantity)::float8 as quantity, trim_scale(sum(price))::text as price,
         trim_scale(sum(cogs))::text as cogs, sum(calls)::int as calls
       from aforo_store.event_lines group by 1, 2 order by 1`,
    )
    expect(stack.rows).toEqual([
      { part: 'output', unit: 'token', quantity: 623, price: '0.009345', cogs: '0.005145', calls: 0 },
      { part: 'prompt', unit: 'token', quantity: 1842, price: '0.005526', cogs: '0.005526', calls: 7 },
      { part: 'reasoning', unit: 'step', quantity: 7, price: '0.042', cogs: '0.0042', calls: 0 },
      { part: 'tools', unit: 'call', quantity: 3, price: '0.006', cogs: '0.0069', calls: 0 },
    ])
    const queue = await pool.query('select 1 from aforo_store.rating_queue')
    expect(queue.rowCount).toBe(0)
  })
})

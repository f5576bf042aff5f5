import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NO_TOKENS } from '../../core/usage.ts'
import { createRater, type Rater } from '../../rating/rater.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { agreeing, booksOf, openExceptions } from './books.ts'
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
  meters: [
    { meter: 'input_tokens', model: 'per_unit', unit_price: '3', per: '1000' },
    { meter: 'cogs', model: 'cost_plus', markup_pct: '100' },
  ],
}

const MODEL = { provider: 'house', model: 'llama', requestModel: null }
const input = (inputUncached: number) => ({ buckets: { ...NO_TOKENS, inputUncached } })
const seconds = (count: number) => new Date(NOON.getTime() + count * 1000)

describe('revisions of an event', () => {
  let database: TestDatabase
  let rater: Rater
  beforeEach(async () => {
    database = await testDatabase()
    rater = createRater(database)
    await storePlan(database.pool, 'team', PLAN)
    await storeCustomer(database.pool, 'acme', 'team')
  })
  afterEach(() => database.drop())
  const price = (unitPrice: string) =>
    storeOverride(database.pool, { provider: 'house', model: 'llama', meter: 'input_uncached', unitPrice })

  test('a late span adds its own cost and price, and taking it back takes them away', async () => {
    const { pool } = database
    await price('0.5')
    const one = assemblyOf({ calls: [modelCall(1, { ...MODEL, ...input(10) })] })
    const two = assemblyOf({ calls: [...one.calls, modelCall(2, { ...MODEL, ...input(7) })] })
    const eventId = await storeEvent(pool, { traceNo: 1, customer: 'acme', assembly: one })
    await storeEvent(pool, { traceNo: 1, revision: 1, customer: 'acme', assembly: two })
    expect(await rater.rate(NOON)).toBe(2)
    expect(await booksOf(pool, eventId)).toEqual(agreeing('8.5', '17.051'))
    await storeEvent(pool, { traceNo: 1, revision: 2, customer: 'acme', assembly: one })
    expect(await rater.rate(NOON)).toBe(1)
    expect(await booksOf(pool, eventId)).toEqual(agreeing('5', '10.03'))
    const { rows } = await pool.query(
      `select revision, trim_scale(amount)::text as amount, encode(span_ids[1], 'hex') as span_id
       from aforo_store.cost_lines order by revision`,
    )
    expect(rows).toEqual([
      { revision: 0, amount: '5', span_id: '0000000000000001' },
      { revision: 1, amount: '3.5', span_id: '0000000000000002' },
      { revision: 2, amount: '-3.5', span_id: '0000000000000002' },
    ])
  })

  test('a revision that changes nothing writes no lines', async () => {
    const { pool } = database
    await price('0.5')
    const assembly = assemblyOf({ calls: [modelCall(1, { ...MODEL, ...input(10) })] })
    await storeEvent(pool, { traceNo: 1, customer: 'acme', assembly })
    await storeEvent(pool, { traceNo: 1, revision: 1, customer: 'acme', assembly })
    await rater.rate(NOON)
    for (const table of ['cost_lines', 'price_lines', 'event_lines']) {
      const { rowCount } = await pool.query(`select 1 from aforo_store.${table} where revision = 1`)
      expect([table, rowCount]).toEqual([table, 0])
    }
  })

  test('a new price counts for new calls only', async () => {
    const { pool } = database
    await price('0.5')
    const one = assemblyOf({ calls: [modelCall(1, { ...MODEL, ...input(10) })] })
    const two = assemblyOf({ calls: [...one.calls, modelCall(2, { ...MODEL, ...input(10) })] })
    const eventId = await storeEvent(pool, { traceNo: 1, customer: 'acme', assembly: one })
    await rater.rate(NOON)
    await price('2')
    await storeEvent(pool, { traceNo: 1, revision: 1, customer: 'acme', assembly: two })
    await rater.rate(seconds(1))
    expect((await booksOf(pool, eventId)).cogs).toBe('25')
  })

  test('a price that arrives completes the event and resolves the exception', async () => {
    const { pool } = database
    const call = modelCall(1, { ...MODEL, ...input(10) })
    const assembly = assemblyOf({ calls: [call], tools: [toolCall(2, 'web', { type: 'extension' })] })
    const eventId = await storeEvent(pool, { traceNo: 1, customer: 'acme', assembly })
    await rater.rate(NOON)
    expect(await booksOf(pool, eventId)).toMatchObject({ cogs: '0', price: '0.03', status: 'unpriced' })
    expect(await openExceptions(pool)).toEqual([
      'unpriced house/llama no_price',
      'unpriced tool/web no_price',
    ])
    await price('0.5')
    await storeOverride(pool, { provider: 'tool', model: 'web', meter: 'tool_call', unitPrice: '1' })
    await storeEvent(pool, { traceNo: 1, revision: 1, customer: 'acme', assembly })
    await rater.rate(seconds(1))
    expect(await booksOf(pool, eventId)).toEqual(agreeing('6', '12.03'))
    expect(await openExceptions(pool)).toEqual([])
    const { rows } = await pool.query(
      `select sum(calls)::int as calls, sum(unpriced_calls)::int as unpriced from aforo_store.event_lines`,
    )
    expect(rows).toEqual([{ calls: 1, unpriced: 0 }])
  })

  test('a customer that arrives is charged; one that changes is charged instead of the other', async () => {
    const { pool } = database
    await price('0.5')
    const assembly = assemblyOf({ calls: [modelCall(1, { ...MODEL, ...input(10) })] })
    const eventId = await storeEvent(pool, { traceNo: 1, customer: null, assembly })
    await rater.rate(NOON)
    expect(await booksOf(pool, eventId)).toEqual(agreeing('5', null, 'unattributed'))
    expect(await openExceptions(pool)).toEqual(['unattributed no_customer'])

    await storeEvent(pool, { traceNo: 1, revision: 1, customer: 'nobody', assembly })
    await rater.rate(NOON)
    expect(await openExceptions(pool)).toEqual(['unattributed unknown_customer'])

    await storeCustomer(pool, 'other')
    await storeEvent(pool, { traceNo: 1, revision: 2, customer: 'other', assembly })
    await rater.rate(NOON)
    expect(await openExceptions(pool)).toEqual(['unattributed no_subscription'])

    await storeCustomer(pool, 'other', 'team')
    await storeEvent(pool, { traceNo: 1, revision: 3, customer: 'other', assembly })
    await rater.rate(NOON)
    expect(await booksOf(pool, eventId)).toEqual(agreeing('5', '10.03'))
    expect(await openExceptions(pool)).toEqual([])

    await storeEvent(pool, { traceNo: 1, revision: 4, customer: 'acme', assembly })
    await rater.rate(NOON)
    expect(await booksOf(pool, eventId)).toEqual(agreeing('5', '10.03'))
    const { rows } = await pool.query(
      `select customer_id, trim_scale(sum(price))::text as price, trim_scale(sum(cogs))::text as cogs
       from aforo_store.event_lines group by 1 order by 1`,
    )
    expect(rows).toEqual([
      { customer_id: 'acme', price: '10.03', cogs: '5' },
      { customer_id: 'nobody', price: '0', cogs: '0' },
      { customer_id: 'other', price: '0', cogs: '0' },
      { customer_id: null, price: '0', cogs: '0' },
    ])
  })

  test('a call without usage makes the event unmetered; what is worse goes first', async () => {
    const { pool } = database
    await price('0.5')
    const calls = [modelCall(1, { ...MODEL, ...input(10) }), modelCall(2, { ...MODEL, metered: false })]
    const eventId = await storeEvent(pool, { traceNo: 1, customer: 'acme', assembly: assemblyOf({ calls }) })
    await storeEvent(pool, { traceNo: 2, customer: null, assembly: assemblyOf({ calls }) })
    await rater.rate(NOON)
    expect((await booksOf(pool, eventId)).status).toBe('unmetered')
    expect((await booksOf(pool, `evt_${'2'.padStart(32, '0')}`)).status).toBe('unattributed')
  })

  test('an event keeps the version of the plan it was charged by', async () => {
    const { pool } = database
    await price('0')
    const one = assemblyOf({ calls: [modelCall(1, { ...MODEL, ...input(1000) })] })
    const two = assemblyOf({ calls: [...one.calls, modelCall(2, { ...MODEL, ...input(1000) })] })
    const eventId = await storeEvent(pool, { traceNo: 1, customer: 'acme', assembly: one })
    await rater.rate(NOON)
    await storePlan(pool, 'team', {
      currency: 'USD',
      meters: [{ meter: 'input_tokens', model: 'per_unit', unit_price: '9' }],
    })
    await storeEvent(pool, { traceNo: 1, revision: 1, customer: 'acme', assembly: two })
    await storeEvent(pool, { traceNo: 2, customer: 'acme', assembly: one })
    await rater.rate(NOON)
    expect((await booksOf(pool, eventId)).price).toBe('6')
    expect((await booksOf(pool, `evt_${'2'.padStart(32, '0')}`)).price).toBe('9000')
  })

  test('names of models and tools are kept as they are, whatever characters they have', async () => {
    const { pool } = database
    const names = ['a"b', 'a\\b', '{a,b}', 'NULL', '', "it's", 'ünï 🧮', 'a\nb']
    const calls = names.map((model, no) => modelCall(no + 1, { provider: 'house', model, ...input(1) }))
    const tools = names.map((name, no) => toolCall(no + 100, name))
    await storeEvent(pool, { traceNo: 1, customer: 'acme', assembly: assemblyOf({ calls, tools }) })
    expect(await rater.rate(NOON)).toBe(1)
    const { rows } = await pool.query(
      `select array_agg(distinct model) filter (where model is not null) as models,
         array_agg(distinct tool) filter (where tool is not null) as tools from aforo_store.cost_lines`,
    )
    expect(new Set(rows[0].models)).toEqual(new Set(names))
    expect(new Set(rows[0].tools)).toEqual(new Set(names))
  })
})

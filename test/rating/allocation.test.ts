import { afterAll, beforeAll, expect, test } from 'vitest'
import { Decimal } from '../../core/money.ts'
import { NO_TOKENS, type Usage } from '../../core/usage.ts'
import { ALLOCATION_GRACE_MS, allocateDue } from '../../rating/prices/allocate.ts'
import type { RunningApi } from '../api/start.ts'
import { callOf, noon, traceIdOf } from '../support/usages.ts'
import { ClockedBooks } from './clocked-books.ts'

const HOUR = 3_600

let world: ClockedBooks
let api: RunningApi
const settle = (...usages: readonly Usage[]) => world.settle(...usages)

beforeAll(async () => {
  world = await ClockedBooks.start()
  api = world.api
})
afterAll(() => api.stop())

/** Tokens of a model of our own, some seconds after noon. */
function tokens(trace: string, seconds: number, input: number, output = 0, of: Partial<Usage> = {}): Usage {
  const startNano = BigInt(noon(seconds).getTime()) * 1_000_000n
  const named = { provider: 'house', requestModel: 'llama', responseModel: 'llama', customer: null }
  const buckets = { ...NO_TOKENS, inputUncached: input, outputText: output }
  return callOf(trace, 'root', { ...named, startNano, endNano: startNano + 1n, buckets, ...of })
}

async function costs(): Promise<Record<string, string | null>> {
  const { rows } = await api.database.pool.query<{ trace: string; cost: string | null }>(
    `select encode(e.trace_id, 'hex') as trace, trim_scale(sum(l.amount))::text as cost
     from aforo_store.cost_lines l join aforo_store.events e using (tenant_id, event_id, revision, time)
     group by 1, e.event_id having bool_or(true)`,
  )
  const byId = new Map(rows.map(({ trace, cost }) => [trace, cost]))
  return Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, byId.get(traceIdOf(name)) ?? null]))
}

async function waiting(): Promise<number> {
  const { data } = (await api.get('/v1/exceptions?kind=unpriced')).body
  return data.filter((each: { reason: string }) => each.reason === 'not_allocated_yet').length
}

const allocate = (partsMax?: number) => allocateDue(api.database.pool, noon(world.second), partsMax)

test('an hour’s cost is spread over its tokens once it is closed, to the last digit', async () => {
  const body = {
    provider: 'house',
    model: 'llama',
    hourly_usd: '2.5',
    units: '4',
    effective_from: '2026-11-01T00:00:00Z',
  }
  expect(await api.put('/v1/prices/custom/gpus', body)).toMatchObject({
    status: 201,
    body: { hourly_usd: '2.5', units: '4' },
  })
  expect((await api.put('/v1/prices/custom/gpus', body)).status).toBe(200)
  await settle(tokens('a', 0, 1, 1), tokens('b', 5, 1), tokens('c', HOUR + 1, 7))
  expect(await waiting()).toBe(3)
  expect(await costs()).toEqual({ a: null, b: null, c: null, d: null })

  world.at(HOUR + ALLOCATION_GRACE_MS / 1000 - 1)
  expect(await allocate(), 'the hour has just ended').toBe(0)
  world.at(HOUR + ALLOCATION_GRACE_MS / 1000)
  expect(await allocate(2), 'more lines than are spread at once').toBe(0)
  expect(await allocate()).toBe(1)
  await settle()
  // Ten dollars for three tokens: some line has the digit that is left.
  const { a, b, ...others } = await costs()
  expect(new Decimal(a!).plus(b!).toFixed()).toBe('10')
  expect([a, b]).toEqual([expect.stringMatching(/^6\.6{17}[67]$/), expect.stringMatching(/^3\.3{17}[34]$/)])
  expect(others).toEqual({ c: null, d: null })
  expect(await waiting()).toBe(1)
  const event = (await api.get(`/v1/events?trace_id=${traceIdOf('a')}`)).body.data[0]
  expect(event).toMatchObject({ cogs: a, revision: 1 })
  const { rows } = await api.database.pool.query(
    `select distinct allocated, trim_scale(unit_price)::text as unit_price, per::int as per from aforo_store.cost_lines where amount is not null`,
  )
  expect(rows).toEqual([{ allocated: true, unit_price: '10', per: 3 }])
})

test('doing it again changes nothing, and late usage spreads the hour anew in new rows', async () => {
  world.at(world.second + 2 * (ALLOCATION_GRACE_MS / 1000))
  expect(await allocate()).toBe(0)
  const count = async () =>
    (await api.database.pool.query(`select count(*)::int as count from aforo_store.cost_lines`)).rows[0].count
  const before = await count()
  await settle(tokens('d', 30, 2))
  expect((await costs()).d).toBeNull()
  expect(await allocate()).toBe(1)
  await settle()
  expect(await costs()).toEqual({ a: '4', b: '2', c: null, d: '4' })
  expect(await count()).toBeGreaterThan(before)
  world.at(world.second + 2 * (ALLOCATION_GRACE_MS / 1000))
  expect(await allocate()).toBe(0)
})

test('a part of an hour costs its part, at the rates in force', async () => {
  const from = { effective_from: noon(HOUR + HOUR / 2).toISOString() }
  const dearer = { provider: 'house', model: 'llama', hourly_usd: '6', units: '4' }
  expect((await api.put('/v1/prices/custom/gpus', { ...dearer, ...from })).status).toBe(201)
  world.at(2 * HOUR + ALLOCATION_GRACE_MS / 1000)
  expect(await allocate()).toBe(1)
  await settle()
  expect((await costs()).c).toBe('17')
})

test('a cost by the hour that is told after the usage completes what nothing priced', async () => {
  const of = { requestModel: 'late-llama', responseModel: 'late-llama' }
  await settle(tokens('e', world.second, 3, 0, of), tokens('f', world.second, 1, 0, of))
  const reasons = async () => (await api.get('/v1/exceptions?kind=unpriced')).body.data
  expect((await reasons()).map((each: { reason: string }) => each.reason)).toEqual(['no_price', 'no_price'])
  const body = {
    provider: 'house',
    model: 'late-llama',
    hourly_usd: '8',
    effective_from: '2026-11-01T00:00:00Z',
  }
  expect((await api.put('/v1/prices/custom/late', body)).status).toBe(201)
  world.at(world.second + 2)
  await settle()
  expect(await waiting()).toBe(2)
  world.at(world.second + HOUR + ALLOCATION_GRACE_MS / 1000)
  expect(await allocate()).toBe(1)
  await settle()
  const costOf = async (name: string) =>
    (await api.get(`/v1/events?trace_id=${traceIdOf(name)}`)).body.data[0].cogs
  expect([await costOf('e'), await costOf('f')]).toEqual(['6', '2'])
})

test('the books have no gap, a share that is changed is named, and all of it can be done again', async () => {
  expect(await world.gaps()).toEqual([])
  await api.database.pool.query(
    'update aforo_store.allocation_shares set amount = amount + 1 where amount = 4',
  )
  expect((await world.gaps()).join('\n')).toContain('price_rows')
  await api.database.pool.query(
    'update aforo_store.allocation_shares set amount = amount - 1 where amount = 5',
  )
  expect(await world.gaps()).toEqual([])
  expect(await world.differences()).toEqual([])
})

test.each<[string, object, string]>([
  ['less than nothing', { model: 'm', hourly_usd: '-1' }, '/hourly_usd'],
  ['more than sense', { model: 'm', hourly_usd: '1000001' }, '/hourly_usd'],
  ['no model', { hourly_usd: '1' }, '/model'],
  ['a price too', { model: 'm', meter: 'output', unit_price: '1', hourly_usd: '1' }, '/hourly_usd'],
  ['a week', { model: 'm', hourly_usd: '1', spread_over: 'week' }, '/spread_over'],
])('a cost by the hour of %s is refused', async (_, body, field) => {
  const answer = await api.put('/v1/prices/custom/x', body)
  expect(answer.status).toBe(400)
  expect(answer.body.faults.map((fault: { path: string }) => fault.path)).toContain(field)
})

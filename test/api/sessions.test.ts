import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventIdOf } from '../../core/ids.ts'
import { NO_TOKENS, type Usage } from '../../core/usage.ts'
import { seedPriceBook } from '../../rating/prices/seed.ts'
import { callOf, NOON_NANO, noon, spanIdOf, traceIdOf } from '../support/usages.ts'
import { happening } from './happening.ts'
import { type RunningApi, startApi } from './start.ts'

let api: RunningApi

beforeAll(async () => {
  api = await startApi()
  await seedPriceBook(api.database.pool, noon(-7200))
  await api.put('/v1/plans/pro', {
    currency: 'USD',
    meters: [
      { meter: 'input_tokens', model: 'per_unit', unit_price: '3', per: '1000' },
      { meter: 'traces', model: 'per_unit', unit_price: '1' },
      { meter: 'session_seconds', model: 'per_unit', unit_price: '0.5' },
    ],
  })
  await api.put('/v1/customers/acme', {})
  await api.put('/v1/customers/acme/subscription', { plan: 'pro', from: '2026-01-01T00:00:00Z' })
})
afterAll(() => api.stop())

const { happen, instant } = happening(() => api)

const SECOND = 1_000_000_000n
/** A turn of a chat, from one second after noon to another. */
const turn = (name: string, from: bigint, to: bigint, fields: Partial<Usage> = {}) =>
  callOf(name, name, {
    product: 'bot',
    session: 'chat',
    startNano: NOON_NANO + from * SECOND,
    endNano: NOON_NANO + to * SECOND,
    ...fields,
  })

test('how a product’s traces become events is remembered, the last word counting', async () => {
  expect((await api.get('/v1/products/bot')).status).toBe(404)
  api.clock = noon(0)
  for (const how of ['session', 'trace', 'session', 'session'])
    expect(await api.put('/v1/products/bot', { group_by: how })).toMatchObject({ status: 200 })
  expect((await api.get('/v1/products/bot')).body).toMatchObject({ product: 'bot', group_by: 'session' })
  expect((await api.get('/v1/products')).body.data).toMatchObject([{ product: 'bot', group_by: 'session' }])
  expect((await api.put('/v1/products/bot', { group_by: 'day' })).status).toBe(400)
  const { rows } = await api.database.pool.query(
    'select count(*)::int as n from aforo_store.product_settings',
  )
  expect(rows).toEqual([{ n: 3 }])
})

test('the turns of a chat are one event, charged for its traces and the time they ran', async () => {
  await happen(turn('one', 0n, 10n), turn('two', 5n, 12n), turn('apart', 0n, 4n, { session: null }))
  await happen(turn('three', 3600n, 3604n))
  const { data } = (await api.get('/v1/events?session=chat')).body
  expect(data).toHaveLength(1)
  const [event] = data
  expect(event).toMatchObject({
    trace_id: traceIdOf('one'),
    trace_ids: ['one', 'two', 'three'].map(traceIdOf),
    revision: 1,
    model_calls: 3,
    duration_ms: 3_604_000,
    status: 'rated',
    usage: { input_tokens: '300' },
    span_ids: ['one', 'two', 'three'].map(spanIdOf),
  })
  expect(event.stack.filter(({ part }: { part: string }) => part === 'other')).toMatchObject([
    { unit: 'session_seconds', quantity: '16', price: '8' },
    { unit: 'traces', quantity: '3', price: '3' },
  ])
  for (const name of ['one', 'two', 'three']) {
    expect((await api.get(`/v1/traces/${traceIdOf(name)}`)).body.event_id).toBe(event.event_id)
    const found = (await api.get(`/v1/events?trace_id=${traceIdOf(name)}`)).body.data
    expect(found.map((each: { event_id: string }) => each.event_id)).toEqual([event.event_id])
  }
  const apart = (await api.get(`/v1/traces/${traceIdOf('apart')}`)).body
  expect(apart).toMatchObject({ event_id: eventIdOf(traceIdOf('apart')), trace_ids: [traceIdOf('apart')] })
  const anatomy = await api.get(`/v1/traces/${traceIdOf('two')}`, { accept: 'text/plain' })
  expect(anatomy.body).toContain('Agent trace · chat')
})

test('a session that nobody owns is named as a whole, and what it lacks is told with the right trace', async () => {
  const nobody = { session: 'unowned', customer: null }
  const silent = { metered: false, buckets: NO_TOKENS }
  await happen(turn('a', 0n, 1n, nobody), turn('b', 2n, 3n, { ...nobody, ...silent }))
  const listed = async (kind: string) => (await api.get(`/v1/exceptions?kind=${kind}`)).body.data
  const [unattributed, ...others] = await listed('unattributed')
  expect(others).toEqual([])
  expect(await listed('unmetered')).toMatchObject([
    { event_id: unattributed.event_id, trace_id: traceIdOf('b'), span_id: spanIdOf('b') },
  ])
  await api.post(`/v1/exceptions/${unattributed.exception_id}/resolve`, { customer: 'acme' })
  await happen()
  expect(await listed('unattributed')).toEqual([])
  const [unmetered] = await listed('unmetered')
  const usage = { input_tokens: 50, output_tokens: 5 }
  expect(await api.post(`/v1/exceptions/${unmetered.exception_id}/resolve`, { usage })).toMatchObject({
    status: 200,
  })
  await happen()
  expect(await listed('unmetered')).toEqual([])
  const { data } = (await api.get('/v1/events?session=unowned&customer=acme')).body
  expect(data).toMatchObject([{ model_calls: 2, status: 'rated', usage: { input_tokens: '150' } }])
  expect(data[0].event_id).toBe(unmetered.event_id)
  const before = (await api.get(`/v1/events/${unattributed.event_id}`)).body
  expect(before).toMatchObject({ model_calls: 0, usage: { input_tokens: '0' }, trace_ids: [] })
})

test('a missing price that arrives completes the event of a session', async () => {
  const house = { provider: 'house', requestModel: 'own-1', responseModel: 'own-1', session: 'priceless' }
  await happen(turn('p', 0n, 1n, { session: 'priceless' }), turn('q', 2n, 3n, house))
  const [unpriced] = (await api.get('/v1/exceptions?kind=unpriced')).body.data
  expect(unpriced).toMatchObject({ trace_id: traceIdOf('q'), model: 'own-1' })
  api.clock = instant()
  for (const meter of ['input_uncached', 'output'])
    await api.put(`/v1/prices/overrides/house-${meter.replace('_', '-')}`, {
      provider: 'house',
      model: 'own-1',
      meter,
      unit_price: '1',
      per: '1000',
    })
  await happen()
  expect((await api.get('/v1/exceptions?kind=unpriced')).body.data).toEqual([])
  const [event] = (await api.get('/v1/events?session=priceless')).body.data
  expect(event).toMatchObject({ status: 'rated', revision: 1, cut_reason: 'completed' })
})

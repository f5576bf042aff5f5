import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { PRICE_SEEN_MS } from '../../schema/completion.ts'
import { insert, seed, seedException } from './seed.ts'
import { type RunningApi, startApi, trace } from './start.ts'

const NOW = '2026-03-02T12:00:00.000Z'

let api: RunningApi

beforeAll(async () => {
  api = await startApi()
  const row = {
    tenant_id: '',
    book: 'catalogue',
    provider: 'openai',
    model: 'gpt-x',
    meter: 'output',
    source: 'test',
  }
  const [january, february] = ['2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z']
  const [announced, corrected] = ['2026-01-20T00:00:00Z', '2026-02-20T00:00:00Z']
  for (const [unit_price, effective_from, effective_to, recorded_at, retracted_at] of [
    ['15.000', january, null, january, announced],
    ['15.000', january, february, announced, null],
    ['12', february, null, announced, corrected],
    ['11', february, null, corrected, null],
  ]) {
    await insert(api.database.pool, 'price_rows', {
      ...row,
      unit_price,
      per: 1_000_000,
      effective_from,
      effective_to,
      recorded_at,
      retracted_at,
    })
  }
})
afterAll(() => api.stop())
beforeEach(() => {
  api.clock = new Date(NOW)
})

const unitPrices = async (query: string) =>
  (await api.get(`/v1/prices?provider=openai&model=gpt-x${query}`)).body.data.map(
    (row: { unit_price: string }) => row.unit_price,
  )

test('the book is read as of an instant and as it was known at an instant', async () => {
  expect(await unitPrices('')).toEqual(['11'])
  expect(await unitPrices('&at=2026-01-31T23:59:59Z')).toEqual(['15'])
  expect(await unitPrices('&known_at=2026-02-19T00:00:00Z')).toEqual(['12'])
  expect(await unitPrices('&known_at=2026-01-10T00:00:00Z')).toEqual(['15'])
  expect(await unitPrices('&at=2025-01-01T00:00:00Z')).toEqual([])
})

test('prices are found by the names that spans have for provider and model, and by aliases while they mean one', async () => {
  const seeded = {
    tenant_id: '',
    book: 'catalogue',
    meter: 'output',
    source: 'test',
    unit_price: '15',
    per: 1_000_000,
  }
  const since = { effective_from: '2026-01-01T00:00:00Z', recorded_at: '2026-01-01T00:00:00Z' }
  for (const [provider, model] of [
    ['aws', 'regional.anthropic.claude-sonnet-4-5-20250929-v1:0'],
    ['anthropic', 'claude-sonnet-4-5'],
    ['mistral', 'mistral-large-2512'],
  ]) {
    await insert(api.database.pool, 'price_rows', { ...seeded, ...since, provider, model })
  }
  const alias = {
    tenant_id: '',
    provider: 'mistral',
    alias: 'mistral-large-latest',
    source: 'test',
    ...since,
  }
  const to = {
    to_provider: 'mistral',
    to_model: 'mistral-large-2512',
    effective_from: '2026-02-01T00:00:00Z',
  }
  await insert(api.database.pool, 'price_aliases', { ...alias, ...to })
  const found = async (query: string) =>
    (await api.get(`/v1/prices?${query}`)).body.data.map((row: { provider: string; model: string }) => [
      row.provider,
      row.model,
    ])
  const [bedrock, sonnet, large] = [
    ['aws', 'regional.anthropic.claude-sonnet-4-5-20250929-v1:0'],
    ['anthropic', 'claude-sonnet-4-5'],
    ['mistral', 'mistral-large-2512'],
  ]
  expect(await found('provider=anthropic&model=claude-sonnet-4-5-20250929')).toEqual([sonnet])
  expect(await found('model=claude-sonnet-4-5-20250929')).toEqual([sonnet])
  expect(await found('provider=aws.bedrock')).toEqual([bedrock])
  expect(await found('provider=mistral_ai&model=mistral-large-latest')).toEqual([large])
  expect(await found('model=mistral-large-latest&at=2026-01-15T00:00:00Z'), 'not yet').toEqual([])
  expect(await found('model=mistral-large-latest&known_at=2025-01-15T00:00:00Z')).toEqual([])
  expect(await found('provider=openai&model=claude-sonnet-4-5')).toEqual([])
})

describe('an override', () => {
  test('adds a row when it differs and never changes one', async () => {
    const path = '/v1/prices/overrides/contract-1'
    const body = { provider: 'openai', model: 'gpt-x', meter: 'output', unit_price: '9.5', per: '1000000' }
    const first = await api.put(path, body)
    expect(first).toMatchObject({
      status: 201,
      body: { book: 'override', unit_price: '9.5', effective_from: NOW, source: 'override:contract-1' },
    })
    expect(await api.put(path, { ...body, unit_price: '9.50' })).toMatchObject({
      status: 200,
      body: first.body,
    })
    api.clock = new Date('2026-03-03T00:00:00.000Z')
    const second = await api.put(path, { ...body, unit_price: '8' })
    expect(second).toMatchObject({ status: 201, body: { effective_from: '2026-03-03T00:00:00.000Z' } })
    expect(await unitPrices('')).toEqual(['11', '8'])
    expect(await unitPrices('&at=2026-03-02T13:00:00Z'), 'the day before keeps its price').toEqual([
      '11',
      '9.5',
    ])
    const { rows } = await api.database.pool.query(
      `select unit_price from aforo_store.price_rows where book = 'override' order by 1`,
    )
    expect(
      rows.map((price) => Number(price.unit_price)),
      'the first row, what of its time it keeps, and the second',
    ).toEqual([8, 9.5, 9.5])
    expect(
      (await api.put(path, { ...body, model: 'gpt-y' })).status,
      'another subject needs another id',
    ).toBe(409)
    const other = await api.get('/v1/prices?provider=openai', { 'x-aforo-tenant': 'other' })
    expect(other.body.data.map((row: { book: string }) => row.book)).toEqual(['catalogue'])
  })

  test('of a tool counts per call, and from ever where there was no price', async () => {
    const { body } = await api.put('/v1/prices/overrides/db.query', {
      tool: 'db.query',
      unit_price: '0.0023',
    })
    expect(body).toMatchObject({
      provider: 'tool',
      model: 'db.query',
      meter: 'tool_call',
      unit_price: '0.0023',
      per: '1',
      effective_from: '1970-01-01T00:00:00.000Z',
    })
    api.clock = new Date('2026-03-04T00:00:00.000Z')
    const next = await api.put('/v1/prices/overrides/db.query', { tool: 'db.query', unit_price: '0.003' })
    expect(next.body.effective_from, 'the past keeps its price').toBe('2026-03-04T00:00:00.000Z')
  })

  test('of what another override priced in the same millisecond is refused', async () => {
    const body = { tool: 'twice', unit_price: '1', effective_from: '2026-01-01T00:00:00Z' }
    expect((await api.put('/v1/prices/overrides/t1', body)).status).toBe(201)
    expect((await api.put('/v1/prices/overrides/t2', body)).status).toBe(409)
  })

  test.each([
    ['its own name', 'new-model', true],
    ['a dated name', 'new-model-2026-01-01', true],
    ["Google's path", 'models/new-model', true],
    ['another model of the family', 'new-model-mini', false],
    ['another model', 'old-model', false],
  ])('completes events whose model goes by %s: %s', async (_what, model, expected) => {
    const traceId = trace(1)
    await api.database.pool.query(`delete from aforo_store.price_rows where model = 'new-model'`)
    await api.database.pool.query('delete from aforo_store.exceptions')
    await api.database.pool.query('delete from aforo_store.events')
    await api.database.pool.query('delete from aforo_store.traces')
    await seed(api.database.pool, { traceId })
    await seedException(api.database.pool, {
      traceId,
      exceptionId: 'p',
      kind: 'unpriced',
      provider: 'acme-ai',
      model,
    })
    const id = `o-${model.replaceAll('/', '.')}`
    const body = { model: 'new-model', meter: 'output', unit_price: '1' }
    expect((await api.put(`/v1/prices/overrides/${id}`, body)).status).toBe(201)
    expect(await dueTraces()).toEqual(expected ? [traceId] : [])
  })

  test('completes events that asked for the model by that name, and leaves tools of that name alone', async () => {
    for (const [no, provider, model] of [
      [11, 'acme-ai', 'snapshot-7'],
      [12, 'tool', 'alias'],
    ] as const) {
      const assembly = {
        calls: [{ model: 'snapshot-7', requestModel: 'alias' }],
        tools: [],
        anomalies: [],
        spanIds: [],
      }
      await seed(api.database.pool, { traceId: trace(no), assembly })
      await seedException(api.database.pool, {
        traceId: trace(no),
        exceptionId: `p${no}`,
        kind: 'unpriced',
        provider,
        model,
      })
    }
    await api.put('/v1/prices/overrides/alias', { model: 'alias', meter: 'output', unit_price: '1' })
    expect(await dueTraces()).toEqual([trace(11)])
    await api.put('/v1/prices/overrides/alias-tool', { tool: 'alias', unit_price: '1' })
    expect(await dueTraces()).toEqual([trace(12)])
  })

  test('gives every rater the time to see the new price first', async () => {
    await seed(api.database.pool, { traceId: trace(21) })
    await seedException(api.database.pool, {
      traceId: trace(21),
      exceptionId: 'p21',
      kind: 'unpriced',
      provider: 'tool',
      model: 'slow',
    })
    await api.put('/v1/prices/overrides/slow', { tool: 'slow', unit_price: '1' })
    const { rows } = await api.database.pool.query(
      'select cut_due_at = $1 as seen from aforo_store.traces where trace_id = $2',
      [new Date(api.clock.getTime() + PRICE_SEEN_MS), Buffer.from(trace(21), 'hex')],
    )
    expect(rows).toEqual([{ seen: true }])
  })
})

async function dueTraces(): Promise<string[]> {
  const { rows } = await api.database.pool.query<{ trace: string }>(
    `update aforo_store.traces set completed = false, cut_due_at = null
     where completed returning encode(trace_id, 'hex') as trace`,
  )
  return rows.map((row) => row.trace)
}

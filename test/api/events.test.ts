import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { billableEventFields } from '../../api/event-fields.ts'
import { seed, seedException } from './seed.ts'
import { type RunningApi, startApi, trace } from './start.ts'
import { workedExample } from './worked-example.ts'

let api: RunningApi

beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api.stop())

describe('a rated event', () => {
  beforeAll(() => seed(api.database.pool, workedExample({ traceId: trace(1) })))

  test('is told as the contract says, to the last digit', async () => {
    const { status, body } = await api.get(`/v1/events/evt_${trace(1)}`)
    expect(status).toBe(200)
    expect(billableEventFields.strict().parse(body)).toEqual(body)
    expect(body).toEqual({
      event_id: `evt_${trace(1)}`,
      trace_id: trace(1),
      trace_ids: [trace(1)],
      revision: 0,
      cut_reason: 'root_ended',
      status: 'rated',
      customer: 'acme',
      product: 'support-bot',
      agent: 'triage',
      session: 'session_4f2a',
      time: '2026-03-01T10:00:00.000Z',
      started_at: '2026-03-01T10:00:00.000Z',
      ended_at: '2026-03-01T10:00:00.142Z',
      duration_ms: 142,
      model_calls: 7,
      unmetered_calls: 0,
      tool_calls: 3,
      reasoning_steps: 7,
      usage: {
        input_tokens: '1842',
        cache_read_tokens: '0',
        cache_write_tokens: '0',
        output_tokens: '623',
        reasoning_tokens: '210',
        embedding_tokens: '0',
      },
      stack: [
        { part: 'prompt', quantity: '1842', unit: 'token', cogs: '0.005526', price: '0.005526' },
        { part: 'reasoning', quantity: '7', unit: 'step', cogs: '0.00315', price: '0.042' },
        { part: 'tools', quantity: '3', unit: 'call', cogs: '0.0069', price: '0.006' },
        { part: 'output', quantity: '623', unit: 'token', cogs: '0.006195', price: '0.009345' },
      ],
      models: [
        {
          provider: 'anthropic',
          model: 'claude-sonnet-4-5',
          calls: 7,
          cogs: '0.014871',
          price: '0.056871',
          price_row_ids: ['1', '2'],
        },
      ],
      tools: ['db.query', 'api.fetch', 'cache.get'].map((tool) => ({
        tool,
        calls: 1,
        cogs: '0.0023',
        price: '0.002',
        price_row_ids: [],
      })),
      cogs: '0.021771',
      price: '0.062871',
      margin: '0.0411',
      margin_pct: '65.37',
      currency: 'USD',
      credits: null,
      plan: null,
      anomalies: [{ kind: 'usage_ambiguous', span_id: '00f067aa0ba902b7', reason: 'assumed' }],
      span_ids: ['00f067aa0ba902b7', '00f067aa0ba902b8'],
    })
  })

  test('is found by its trace, in any spelling, as JSON and as text', async () => {
    const json = await api.get(`/v1/traces/${trace(1).toUpperCase()}`)
    expect(json.body.events).toEqual([(await api.get(`/v1/events/evt_${trace(1)}`)).body])
    expect(json.body.margin_pct).toBe('65.37')
    const text = await api.get(`/v1/traces/${trace(1)}`, { accept: 'text/plain' })
    expect(text.type).toBe('text/plain; charset=utf-8')
    expect(text.body).toContain('Σ   BILLED  Aggregated billable event           2,465 tk    $0.063')
  })
})

test('what the cut and the rating both found is told once', async () => {
  const traceId = trace(5)
  const anomalies = [{ kind: 'unattributed', spanId: '', reason: 'no_customer' }]
  await seed(api.database.pool, {
    traceId,
    customer: null,
    session: 'nobody',
    assembly: { calls: [], tools: [], anomalies, spanIds: [] },
    rating: { status: 'unattributed', cogs: '0', price: null },
  })
  await seedException(api.database.pool, {
    traceId,
    exceptionId: 'e5',
    kind: 'unattributed',
    reason: 'no_customer',
  })
  const { body } = await api.get(`/v1/events/evt_${traceId}`)
  expect(body.anomalies).toEqual([{ kind: 'unattributed', span_id: null, reason: 'no_customer' }])
})

test('an event that waits for its rating has counts but no money', async () => {
  const { rating: _, ...waiting } = workedExample({ traceId: trace(2), session: 'pending' })
  await seed(api.database.pool, waiting)
  const { body } = await api.get(`/v1/events/evt_${trace(2)}`)
  expect(body).toMatchObject({ status: 'pending', cogs: null, cogs_known: '0', price: null, margin: null })
  expect(body.stack.map((part: { quantity: string }) => part.quantity)).toEqual(['1842', '7', '3', '623'])
  expect(
    body.stack.every((part: { cogs: null; price: null }) => part.cogs === null && part.price === null),
  ).toBe(true)
  expect(body.tools.map((tool: { tool: string }) => tool.tool)).toEqual([
    'db.query',
    'api.fetch',
    'cache.get',
  ])
})

test('an unpriced model has no cost, here or in any sum; the rest keeps its own', async () => {
  const traceId = trace(3)
  await seed(api.database.pool, {
    traceId,
    session: 'unpriced',
    usage: { model_calls: 2, input_tokens: 20, output_tokens: 10 },
    rating: { status: 'unpriced', unpriced: true, cogs: '0.5', price: '2' },
    lines: [
      { part: 'prompt', provider: 'a', model: 'known', quantity: 10, calls: 1, cogs: '0.5', price: '1' },
      { part: 'prompt', provider: 'b', model: 'new', quantity: 10, calls: 1, unpricedCalls: 1, price: '1' },
      { part: 'output', provider: 'b', model: 'new', quantity: 10 },
    ],
    costs: [
      {
        part: 'prompt',
        provider: 'a',
        model: 'known',
        meter: 'input_uncached',
        quantity: 10,
        priceRowId: 7,
        amount: '0.5',
      },
      { part: 'prompt', provider: 'b', model: 'new', meter: 'input_uncached', quantity: 10, amount: null },
      { part: 'output', provider: 'b', model: 'new', meter: 'output', quantity: 10, amount: null },
    ],
  })
  await seedException(api.database.pool, {
    traceId,
    exceptionId: 'e3',
    kind: 'unpriced',
    reason: 'no_price_row',
  })
  const { body } = await api.get(`/v1/events/evt_${traceId}`)
  expect(body).toMatchObject({ status: 'unpriced', cogs: null, cogs_known: '0.5', price: '2', margin: null })
  expect(body.margin_pct).toBeNull()
  expect(body.models).toEqual([
    { provider: 'a', model: 'known', calls: 1, cogs: '0.5', price: '1', price_row_ids: ['7'] },
    { provider: 'b', model: 'new', calls: 1, cogs: null, price: '1', price_row_ids: [] },
  ])
  expect(body.stack.map((part: { cogs: string | null }) => part.cogs)).toEqual([null, '0', '0', null])
  expect(body.anomalies).toEqual([{ kind: 'unpriced', span_id: null, reason: 'no_price_row' }])
})

describe('revisions', () => {
  const traceId = trace(4)
  const line = { part: 'prompt', provider: 'a', model: 'm' }

  beforeAll(async () => {
    await seed(api.database.pool, {
      traceId,
      session: 'revised',
      customer: null,
      usage: { model_calls: 1, input_tokens: 100 },
      rating: { status: 'unattributed', cogs: '0.1', price: null },
      lines: [{ ...line, quantity: 100, calls: 1, cogs: '0.1' }],
    })
    await seed(api.database.pool, {
      traceId,
      session: 'revised',
      revision: 1,
      customer: 'globex',
      cutReason: 'completed',
      usage: { model_calls: 1, input_tokens: 11 },
      rating: { status: 'rated', cogs: '0.02', price: '0.3' },
      lines: [{ ...line, quantity: 11, calls: 1, cogs: '0.02', price: '0.3' }],
    })
  })

  test('add up to the event, which speaks with the voice of the newest', async () => {
    const { body } = await api.get('/v1/events?session=revised')
    expect(body).toMatchObject({
      next_cursor: null,
      data: [{ revision: 1, customer: 'globex', status: 'rated' }],
    })
    expect(body.data[0]).toMatchObject({ model_calls: 2, cogs: '0.12', price: '0.3', margin: '0.18' })
    expect(body.data[0].usage.input_tokens).toBe('111')
    expect(body.data[0]).not.toHaveProperty('difference')
  })

  test('are told apart on demand, each as a difference', async () => {
    for (const path of [
      '/v1/events?session=revised&revisions=all',
      `/v1/events/evt_${traceId}?revisions=all`,
    ]) {
      const { data } = (await api.get(path)).body
      expect(data).toMatchObject([
        {
          revision: 1,
          difference: true,
          customer: 'globex',
          cut_reason: 'completed',
          cogs: '0.02',
          price: '0.3',
        },
        { revision: 0, difference: true, customer: null, status: 'unattributed', cogs: '0.1', price: null },
      ])
      expect(data.map((row: { usage: { input_tokens: string } }) => row.usage.input_tokens)).toEqual([
        '11',
        '100',
      ])
    }
  })

  test('filters look at the newest', async () => {
    const found = async (query: string) =>
      (await api.get(`/v1/events?session=revised&${query}`)).body.data.length
    expect(await found('customer=globex')).toBe(1)
    expect(await found('status=unattributed')).toBe(0)
    expect(await found('status=unattributed&revisions=all')).toBe(1)
    expect(await found(`trace_id=${traceId}&status=rated`)).toBe(1)
    expect(await found('from=2026-03-01T10:00:00Z&to=2026-03-01T10:00:01Z')).toBe(1)
    expect(await found('to=2026-03-01T10:00:00Z'), 'to is exclusive').toBe(0)
    expect(await found('from=2026-03-01T12:00:00%2B01:00')).toBe(0)
  })
})

test('pages go through everything once, newest first, also where times are equal to the microsecond', async () => {
  const times = ['2026-02-01T00:00:00.000001Z', '2026-02-01T00:00:00.000002Z', '2026-02-01T00:00:00.000002Z']
  for (const [i, time] of [...times, ...times].entries()) {
    await seed(api.database.pool, { traceId: trace(100 + i), time, session: 'paged' })
  }
  const seen: string[] = []
  let query = '/v1/events?session=paged&limit=2'
  for (let pages = 0; pages < 10; pages++) {
    const { data, next_cursor } = (await api.get(query)).body
    seen.push(...data.map((event: { time: string; event_id: string }) => `${event.time} ${event.event_id}`))
    if (next_cursor === null) break
    expect(next_cursor).toMatch(/^[\w-]+$/)
    query = `/v1/events?session=paged&limit=2&cursor=${next_cursor}`
  }
  expect(seen).toHaveLength(6)
  expect(seen).toEqual([...new Set(seen)].sort().reverse())
})

test('another tenant sees none of it', async () => {
  const headers = { 'x-aforo-tenant': 'other' }
  expect((await api.get('/v1/events', headers)).body).toEqual({ data: [], next_cursor: null })
  expect((await api.get(`/v1/events/evt_${trace(1)}`, headers)).status).toBe(404)
  expect((await api.get(`/v1/traces/${trace(1)}`, headers)).status).toBe(404)
})

test('a trace that is not cut yet is told from one that never was', async () => {
  await api.database.pool.query(
    `insert into aforo_store.traces (tenant_id, trace_id, first_received_at, last_received_at, time_from, time_to,
       root_ended, has_usage, span_count, opened_at, open_span_count)
     values ('default', $1, now(), now(), now(), now(), false, true, 1, now(), 1)`,
    [Buffer.from(trace(900), 'hex')],
  )
  expect((await api.get(`/v1/traces/${trace(900)}`)).body.detail).toContain('still open')
  expect((await api.get(`/v1/traces/${trace(901)}`)).body.detail).toContain('there is no trace')
})

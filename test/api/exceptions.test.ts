import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seed, seedException } from './seed.ts'
import { type RunningApi, startApi, trace } from './start.ts'

let api: RunningApi

beforeAll(async () => {
  api = await startApi()
  await api.put('/v1/customers/acme', {})
  const kinds = ['unmetered', 'unpriced', 'unattributed', 'conflict', 'bad_time']
  for (const [i, kind] of kinds.entries()) {
    await seed(api.database.pool, { traceId: trace(i + 1), customer: null })
    await seedException(api.database.pool, {
      traceId: trace(i + 1),
      exceptionId: `x-${kind}`,
      kind,
      span_id: Buffer.from('00f067aa0ba902b7', 'hex'),
      recorded_at: `2026-03-01T10:00:0${Math.min(i, 3)}Z`,
    })
  }
})
afterAll(() => api.stop())

const ids = (answer: { body: { data: { exception_id: string }[] } }) =>
  answer.body.data.map((row) => row.exception_id)

test('are listed the last first, by kind, in pages', async () => {
  expect(ids(await api.get('/v1/exceptions'))).toEqual([
    'x-conflict',
    'x-bad_time',
    'x-unattributed',
    'x-unpriced',
    'x-unmetered',
  ])
  expect(ids(await api.get('/v1/exceptions?kind=unpriced'))).toEqual(['x-unpriced'])
  expect(ids(await api.get('/v1/exceptions?resolved=true'))).toEqual([])
  const first = await api.get('/v1/exceptions?limit=1')
  expect(ids(await api.get(`/v1/exceptions?limit=2&cursor=${first.body.next_cursor}`))).toEqual([
    'x-bad_time',
    'x-unattributed',
  ])
  expect(first.body.data[0]).toEqual({
    exception_id: 'x-conflict',
    kind: 'conflict',
    event_id: `evt_${trace(4)}`,
    trace_id: trace(4),
    span_id: '00f067aa0ba902b7',
    provider: null,
    model: null,
    customer: null,
    reason: 'seeded',
    recorded_at: '2026-03-01T10:00:03.000Z',
    resolved_at: null,
    resolution: null,
  })
  expect(ids(await api.get('/v1/exceptions', { 'x-aforo-tenant': 'other' }))).toEqual([])
})

describe('resolving', () => {
  const resolve = (id: string, body: object) => api.post(`/v1/exceptions/${id}/resolve`, body)

  test('with a note closes it once', async () => {
    expect(await resolve('x-conflict', { note: 'checked by hand' })).toMatchObject({
      status: 200,
      body: { resolved_at: '2026-03-02T12:00:00.000Z', resolution: 'checked by hand' },
    })
    expect((await resolve('x-conflict', { note: 'again' })).status).toBe(409)
    expect(ids(await api.get('/v1/exceptions?resolved=true'))).toEqual(['x-conflict'])
    expect(ids(await api.get('/v1/exceptions?resolved=all'))).toHaveLength(5)
    expect(ids(await api.get('/v1/exceptions'))).toHaveLength(4)
  })

  test('by naming the customer keeps that as a fact and has the trace cut again', async () => {
    const answer = await resolve('x-unattributed', { customer: 'acme', note: 'they called' })
    expect(answer, 'open until it is billed').toMatchObject({ status: 200, body: { resolved_at: null } })
    const { rows: facts } = await api.database.pool.query(
      `select encode(trace_id, 'hex') as trace, customer_id, note from aforo_store.attributions`,
    )
    expect(facts).toEqual([{ trace: trace(3), customer_id: 'acme', note: 'they called' }])
    const { rows: due } = await api.database.pool.query(
      `select encode(trace_id, 'hex') as trace, cut_due_at::text from aforo_store.traces where completed`,
    )
    expect(due).toEqual([{ trace: trace(3), cut_due_at: '2026-03-02 12:00:00+00' }])
  })

  test('is refused where it could not complete the event', async () => {
    expect((await resolve('x-unattributed', {})).status).toBe(400)
    expect((await resolve('x-unattributed', { customer: 'nobody' })).status).toBe(404)
    expect((await resolve('x-unpriced', { customer: 'acme' })).status).toBe(400)
    await seedException(api.database.pool, {
      traceId: trace(5),
      exceptionId: 'x-typo',
      kind: 'unattributed',
      customer_id: 'acmee',
    })
    const refused = await resolve('x-typo', { customer: 'acme' })
    expect(refused, 'the word of the trace stands').toMatchObject({ status: 409 })
    expect(refused.body.detail).toContain('acmee')
  })
})

import { afterAll, beforeAll, expect, test } from 'vitest'
import { tellNotices } from '../../cmd/prices/tell-notices.ts'
import { NO_TOKENS } from '../../core/usage.ts'
import { createRater } from '../../rating/rater.ts'
import { assemblyOf, modelCall, storeEvent, storeOverride } from '../rating/events.ts'
import { type RunningApi, startApi } from './start.ts'

let api: RunningApi
const DAY = { from: '2026-10-05T00:00:00Z', to: '2026-10-06T00:00:00Z' }

beforeAll(async () => {
  api = await startApi()
  const { pool } = api.database
  await storeOverride(pool, { provider: 'acme-ai', model: 'm-1', meter: 'input_uncached', unitPrice: '0.01' })
  const rater = createRater({ pool })
  // A dollar on each of the 4th, the 5th and the 6th, and a call on the 5th that nobody knows the price of.
  const use = (traceNo: number, day: string, model = 'm-1') =>
    storeEvent(pool, {
      traceNo,
      time: new Date(`2026-10-${day}T12:00:00Z`),
      recordedAt: new Date(`2026-10-${day}T13:00:00Z`),
      assembly: assemblyOf({
        calls: [
          modelCall(1, {
            provider: 'acme-ai',
            model,
            requestModel: null,
            buckets: { ...NO_TOKENS, inputUncached: 100 },
          }),
        ],
      }),
    })
  for (const [traceNo, day] of [
    [1, '04'],
    [2, '05'],
    [3, '06'],
  ] as const)
    await use(traceNo, day)
  await use(4, '05', 'm-2')
  api.clock = new Date('2026-10-20T00:00:00Z')
  while ((await rater.rate(api.clock)) > 0);
})
afterAll(() => api.stop())

const state = (body: object) => api.post('/v1/vendor-bills', { provider: 'acme-ai', ...DAY, ...body })
const listed = async (query = '') => (await api.get(`/v1/vendor-bills${query}`)).body.data
const noticed = async () =>
  (await api.get('/v1/prices/notices')).body.data.filter(({ kind }: { kind: string }) =>
    kind.startsWith('bill_'),
  )

test('what a provider charged stands beside what we have for the same', async () => {
  const { status, body } = await state({ usd: '1.004', source: 'INV-7' })
  expect([status, body]).toEqual([
    200,
    {
      bill_id: expect.any(String),
      provider: 'acme-ai',
      model: null,
      from: '2026-10-05T00:00:00.000Z',
      to: '2026-10-06T00:00:00.000Z',
      usd: '1.004',
      source: 'INV-7',
      recorded_at: '2026-10-20T00:00:00.000Z',
      cogs: '1',
      unpriced_calls: 1,
      difference: '-0.004',
      difference_pct: '-0.40',
      agrees: true,
    },
  ])
  expect((await state({ usd: '1.0040', source: 'again' })).body, 'said before').toEqual(body)
  expect((await state({ usd: '2', model: 'm-1' })).body).toMatchObject({
    cogs: '1',
    unpriced_calls: 0,
    agrees: false,
  })
  expect((await state({ provider: 'nobody', usd: '0' })).body).toMatchObject({ cogs: '0', agrees: true })
})

test('a bill that is stated anew takes the place of the one before, and no cost changes', async () => {
  const month = { from: '2026-10-01T00:00:00Z', to: '2026-11-01T00:00:00Z' }
  await state({ ...month, usd: '3' })
  const again = (await state({ ...month, usd: '4.5' })).body
  expect(again).toMatchObject({ cogs: '3', difference: '-1.5', difference_pct: '-33.33', agrees: false })
  const mine = await listed('?provider=acme-ai&from=2026-10-06T00:00:00Z')
  expect(mine.map(({ usd }: { usd: string }) => usd)).toEqual(['4.5'])
  expect((await listed()).map(({ usd }: { usd: string }) => usd).sort()).toEqual(['0', '1.004', '2', '4.5'])
  const { body } = await api.get('/v1/margins?group_by=provider')
  expect(body.data[0]).toMatchObject({ key: 'acme-ai', cogs_known: '3' })
})

test.each([
  [{ usd: '1', to: '2026-10-05T00:00:00Z' }, '/to'],
  [{ usd: '-1' }, '/usd'],
  [{ usd: '1000000001' }, '/usd'],
  [{ usd: '1', provider: '' }, '/provider'],
])('%j is refused', async (body, path) => {
  const answer = await state(body)
  expect([answer.status, answer.body.faults[0].path]).toEqual([400, path])
})

test('what differs is noticed by month, and who sent no bill, a week after its end; webhooks are told once', async () => {
  expect(await noticed()).toMatchObject([
    { kind: 'bill_drift', provider: 'acme-ai', model: null, at: '2026-10-01T00:00:00.000Z' },
    { kind: 'bill_drift', provider: 'acme-ai', model: 'm-1' },
  ])
  expect((await noticed())[0].message).toBe(
    'acme-ai charged 5.50 USD for 2026-10, COGS are 4.00: -1.50 (-27.33%)',
  )
  const { pool } = api.database
  await storeEvent(pool, {
    traceNo: 9,
    time: new Date('2026-10-31T23:59:59Z'),
    recordedAt: new Date('2026-11-01T00:00:00Z'),
    assembly: assemblyOf({
      calls: [
        modelCall(1, {
          provider: 'late-ai',
          model: 'l',
          requestModel: null,
          buckets: { ...NO_TOKENS, inputUncached: 1 },
        }),
      ],
    }),
  })
  await storeOverride(pool, { provider: 'late-ai', model: 'l', meter: 'input_uncached', unitPrice: '1' })
  const rater = createRater({ pool })
  while ((await rater.rate(new Date('2026-11-01T01:00:00Z'))) > 0);
  const missing = async () =>
    (await noticed()).filter(({ kind }: { kind: string }) => kind === 'bill_missing')
  api.clock = new Date('2026-11-07T23:59:59Z')
  expect(await missing()).toEqual([])
  api.clock = new Date('2026-11-08T00:00:00Z')
  expect(await missing()).toMatchObject([
    { provider: 'late-ai', at: '2026-11-01T00:00:00.000Z', message: expect.stringContaining('2026-10') },
  ])
  await pool.query(
    `insert into aforo_store.webhook_endpoints (tenant_id, webhook_id, url, events, recorded_at)
     values ('default', 'all', 'https://a.example/', null, now())`,
  )
  await tellNotices(pool, api.clock)
  await tellNotices(pool, new Date('2026-11-09T00:00:00Z'))
  const { rows } = await pool.query(
    `select data ->> 'kind' as kind, count(*)::int as count from aforo_store.webhook_messages
     where type = 'prices.noticed' and data ->> 'kind' like 'bill%' group by 1 order by 1`,
  )
  expect(rows).toEqual([
    { kind: 'bill_drift', count: 2 },
    { kind: 'bill_missing', count: 1 },
  ])
  await api.post('/v1/vendor-bills', {
    provider: 'late-ai',
    from: '2026-10-01T00:00:00Z',
    to: '2026-11-01T00:00:00Z',
    usd: '1',
  })
  expect(await missing()).toEqual([])
})

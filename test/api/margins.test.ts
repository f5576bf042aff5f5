import { afterAll, beforeAll, expect, test } from 'vitest'
import { seed } from './seed.ts'
import { type RunningApi, startApi, trace } from './start.ts'
import { workedExample } from './worked-example.ts'

let api: RunningApi

beforeAll(async () => {
  api = await startApi()
  const { pool } = api.database
  await seed(pool, workedExample({ traceId: trace(1), time: '2026-03-01T23:59:59.999999Z' }))
  await seed(pool, workedExample({ traceId: trace(2), time: '2026-03-02T00:00:00Z', customer: 'globex' }))
  await seed(pool, {
    traceId: trace(3),
    customer: null,
    time: '2026-03-02T01:00:00Z',
    rating: { status: 'unattributed', unpriced: true, cogs: '0.01', price: null },
    lines: [
      { part: 'prompt', provider: 'openai', model: 'known', quantity: 1, calls: 3, cogs: '0.01' },
      { part: 'prompt', provider: 'openai', model: 'new', quantity: 1, calls: 1, unpricedCalls: 1 },
    ],
  })
})
afterAll(() => api.stop())

const rows = async (query: string) => (await api.get(`/v1/margins?${query}`)).body.data

test('by model: tools are a row of their own, so that the rows add up to everything', async () => {
  const all = await rows('group_by=model')
  expect(all).toEqual([
    {
      key: 'claude-sonnet-4-5',
      provider: 'anthropic',
      calls: 14,
      cogs: '0.029742',
      revenue: '0.113742',
      margin: '0.084',
      margin_pct: '73.85',
      unpriced_calls: 0,
      coverage_pct: '100.00',
    },
    {
      key: 'known',
      provider: 'openai',
      calls: 3,
      cogs: '0.01',
      revenue: '0',
      margin: '-0.01',
      margin_pct: null,
      unpriced_calls: 0,
      coverage_pct: '100.00',
    },
    {
      key: 'new',
      provider: 'openai',
      calls: 1,
      cogs: null,
      cogs_known: '0',
      revenue: '0',
      margin: null,
      margin_pct: null,
      unpriced_calls: 1,
      coverage_pct: '0.00',
    },
    {
      key: null,
      provider: null,
      calls: 0,
      cogs: '0.0138',
      revenue: '0.012',
      margin: '-0.0018',
      margin_pct: '-15.00',
      unpriced_calls: 0,
      coverage_pct: null,
    },
  ])
})

test('by customer, day and the rest; what belongs to nobody comes last', async () => {
  const brief = async (query: string) =>
    (await rows(query)).map((row: { key: string; calls: number; margin: string; coverage_pct: string }) => [
      row.key,
      row.calls,
      row.margin,
      row.coverage_pct,
    ])
  expect(await brief('group_by=customer')).toEqual([
    ['acme', 7, '0.0411', '100.00'],
    ['globex', 7, '0.0411', '100.00'],
    [null, 4, null, '75.00'],
  ])
  expect(await brief('group_by=day')).toEqual([
    ['2026-03-01', 7, '0.0411', '100.00'],
    ['2026-03-02', 11, null, '90.91'],
  ])
  expect(await brief('group_by=provider&from=2026-03-02T00:00:00Z&to=2026-03-02T01:00:00Z')).toEqual([
    ['anthropic', 7, '0.042', '100.00'],
    [null, 0, '-0.0009', null],
  ])
  expect((await brief('group_by=product')).map(([key]: [string]) => key)).toEqual(['support-bot', null])
  expect((await brief('group_by=agent')).map(([key]: [string]) => key)).toEqual(['triage', null])
})

test('goes in pages', async () => {
  const first = (await api.get('/v1/margins?group_by=model&limit=3')).body
  expect(first.data).toHaveLength(3)
  const rest = (await api.get(`/v1/margins?group_by=model&limit=3&cursor=${first.next_cursor}`)).body
  expect(rest).toMatchObject({ data: [{ key: null }], next_cursor: null })
})

test('as a table of text', async () => {
  const { body, type } = await api.get('/v1/margins?group_by=model', { accept: 'text/plain' })
  expect(type).toMatch(/^text\/plain/)
  expect(body).toBe(`\
MODEL              PROVIDER   CALLS     COGS  REVENUE   MARGIN  MARGIN %  COVERAGE %
claude-sonnet-4-5  anthropic     14   $0.030   $0.114   $0.084     73.85      100.00
known              openai         3   $0.010   $0.000  -$0.010                100.00
new                openai         1  unknown   $0.000  unknown                  0.00
(none)                            0   $0.014   $0.012  -$0.002    -15.00
`)
})

test('a customer that was corrected leaves no row behind', async () => {
  const line = { part: 'prompt', provider: 'p', model: 'moved', quantity: 1, calls: 1, cogs: '1', price: '2' }
  const rating = { status: 'rated', cogs: '1', price: '2' }
  const moved = { traceId: trace(4), customer: 'before', rating }
  await seed(api.database.pool, { ...moved, lines: [line] })
  const back = { ...line, quantity: -1, calls: -1, cogs: '-1', price: '-2' }
  await seed(api.database.pool, { ...moved, revision: 1, lines: [back] })
  expect((await rows('group_by=customer')).map((row: { key: string }) => row.key)).not.toContain('before')
})

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { NO_TOKENS } from '../../core/usage.ts'
import { createRater } from '../../rating/rater.ts'
import { assemblyOf, modelCall, storeCustomer, storeEvent, storePlan } from '../rating/events.ts'
import { priceRow, rowFile } from '../rating/price-catalogues.ts'
import { type RunningApi, startApi } from './start.ts'

const NOW = '2026-03-02T12:00:00.000Z'

let api: RunningApi
let upstream: Server
/** What the catalogue's server answers. */
let served: { status: number; text: string }

beforeAll(async () => {
  upstream = createServer((_request, response) => response.writeHead(served.status).end(served.text))
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  const { port } = upstream.address() as AddressInfo
  api = await startApi({ source: `http://user:secret@127.0.0.1:${port}/data.json?token=secret`, against: '' })
})
afterAll(async () => {
  upstream.closeAllConnections()
  upstream.close()
  await api.stop()
})
beforeEach(() => {
  api.clock = new Date(NOW)
})

const file = (...prices: unknown[]) => ({ document: { prices } })
const post = (path: string, body: unknown = {}, headers = {}) => api.post(`/v1/prices/${path}`, body, headers)
const open = async () => (await api.get('/v1/prices/proposals')).body.data

test('a catalogue is sent, its new model waits, is approved, and counts', async () => {
  const sent = await post('import', file(priceRow(), priceRow({ meter: 'output', unit_price: '15' })))
  expect(sent).toMatchObject({ status: 200, body: { rows: 2, accepted: 0, held: 1, source: 'api' } })
  const [proposal] = await open()
  expect(proposal).toMatchObject({
    kind: 'new_model',
    provider: 'acme',
    model: 'm-1',
    held: ['no_price_before'],
    source_digest: sent.body.source_digest,
    decision: null,
    changes: [
      { meter: 'input_uncached', old: null, new: { unit_price: '3', per: '1000000' }, ratio: null },
      { meter: 'output', old: null, new: { unit_price: '15' } },
    ],
  })
  const approved = await post(`proposals/${proposal.proposal_id}/approve`, {
    by: 'ada',
    reason: 'on their page',
  })
  expect(approved).toMatchObject({
    status: 200,
    body: { decision: { decision: 'approved', by: 'ada', reason: 'on their page', at: NOW } },
  })
  expect(await open()).toEqual([])
  const { body } = await api.get('/v1/prices?provider=acme&model=m-1')
  expect(body.data.map((row: { unit_price: string }) => row.unit_price)).toEqual(['3', '15'])
  expect((await post(`proposals/${proposal.proposal_id}/approve`)).status, 'it is decided').toBe(409)
})

test('a large change waits and is rejected; a small one counts at once', async () => {
  await post('import', file(priceRow({ unit_price: '30' })))
  const [proposal] = await open()
  expect(proposal).toMatchObject({ kind: 'change', held: ['large_change'], changes: [{ ratio: '10' }] })
  expect((await post(`proposals/${proposal.proposal_id}/reject`)).body.decision.decision).toBe('rejected')
  const small = await post('import', file(priceRow({ unit_price: '3.3' })))
  expect(small.body).toMatchObject({ accepted: 1, held: 0 })
  const decided = await api.get('/v1/prices/proposals?state=decided&limit=1')
  expect(decided.body.data).toMatchObject([{ held: [], decision: { decision: 'accepted', by: 'aforo' } }])
  const next = await api.get(`/v1/prices/proposals?state=decided&cursor=${decided.body.next_cursor}`)
  expect(next.body.data[0]).toMatchObject({ decision: { decision: 'rejected' } })
})

describe('what is not to be believed is refused with its path, and nothing is written', () => {
  const imports = async () =>
    (await api.database.pool.query('select count(*)::int as count from aforo_store.price_imports')).rows[0]
      .count

  test.each([
    ['a negative price', file(priceRow({ unit_price: '-3' })), '/prices/0/unit_price'],
    ['a price that is no decimal string', file(priceRow({ unit_price: 3 })), '/prices/0/unit_price'],
    ['an unknown meter', file(priceRow({ meter: 'prayers' })), '/prices/0/meter'],
    ['an unknown field', file(priceRow({ colour: 'red' })), '/prices/0/colour'],
    ['rows that overlap', file(priceRow(), priceRow({ unit_price: '4' })), '/prices/1'],
    [
      'a row that ends before it begins',
      file(priceRow({ effective_to: '1960-01-01T00:00:00Z' })),
      '/prices/0/effective_to',
    ],
    ['a tool', file(priceRow({ provider: 'tool' })), '/prices/0/provider'],
    ['no rows', file(), '/prices'],
    [
      'a negative price of the catalogue',
      { document: genai({ input_mtok: -1 }) },
      '/0/models/0/prices/input_mtok',
    ],
    [
      'an unknown price key',
      { document: genai({ input_mtok: 1, output_soul: 1 }) },
      '/0/models/0/prices/output_soul',
    ],
    ['a catalogue that lost half its rows', { document: genai({ input_mtok: 1 }) }, '/'],
  ])('%s', async (_, body, path) => {
    const before = await imports()
    const answer = await post('import', body)
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_argument' } })
    expect(answer.body.faults.map((each: { path: string }) => each.path)).toContain(path)
    expect(await imports()).toBe(before)
  })

  test('an absurd price of one model leaves the others alone', async () => {
    const answer = await post(
      'import',
      file(
        priceRow({ model: 'odd', unit_price: '3', meter: 'cache_read' }),
        priceRow({ model: 'odd', unit_price: '2' }),
        priceRow({ model: 'odd', unit_price: '0.9', meter: 'output' }),
        priceRow({ model: 'odd', unit_price: '5', meter: 'cache_write' }),
        priceRow({ model: 'dear', unit_price: '10001' }),
        priceRow({ model: 'fine', unit_price: '1' }),
      ),
    )
    expect(answer).toMatchObject({ status: 200, body: { held: 1 } })
    expect(answer.body.refused.map((each: { path: string }) => each.path).sort()).toEqual([
      '/acme/dear/input_uncached',
      '/acme/odd/cache_read',
      '/acme/odd/cache_write',
      '/acme/odd/output',
    ])
  })

  test('a map of LiteLLM alone', async () => {
    expect(
      (
        await post('import', {
          document: { 'gpt-4o': { litellm_provider: 'openai', input_cost_per_token: 1e-6 } },
        })
      ).body.detail,
    ).toMatch(/only checks/)
  })
})

test('the catalogue of the settings is pulled; secrets of its address are not shown', async () => {
  served = { status: 200, text: rowFile([priceRow({ model: 'pulled' })], false) }
  const pulled = await post('import')
  expect(pulled).toMatchObject({ status: 200, body: { held: 1 } })
  expect(pulled.body.source).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/data\.json$/)
  served = { status: 500, text: '' }
  expect(await post('import')).toMatchObject({
    status: 503,
    body: { detail: expect.not.stringContaining('secret') },
  })
  served = { status: 200, text: '{' }
  expect(await post('import')).toMatchObject({ status: 400 })
})

test('only the tenant default decides; others see', async () => {
  const other = { 'x-aforo-tenant': 'other' }
  expect((await post('import', file(priceRow({ model: 'theirs' })), other)).status).toBe(403)
  const [proposal] = await open()
  for (const verb of ['approve', 'reject']) {
    expect((await post(`proposals/${proposal.proposal_id}/${verb}`, {}, other)).status).toBe(403)
  }
  api.clock = new Date('2026-03-02T12:01:00.000Z')
  expect((await api.get('/v1/prices/proposals', other)).status).toBe(200)
  expect((await api.get('/v1/prices/notices', other)).body).toEqual({ data: [] })
})

test('a price that is dated back shows as an adjustment of the event, and in the margins', async () => {
  const { pool } = api.database
  const at = (day: number) => new Date(`2026-03-0${day}T12:00:00.000Z`)
  const price = (of: object) => priceRow({ model: 'dated', per: '1000', ...of })
  const approveAll = async () => {
    for (const { proposal_id: id, model } of await open()) {
      if (model === 'dated') expect((await post(`proposals/${id}/approve`, { by: 'ada' })).status).toBe(200)
    }
  }
  await storePlan(pool, 'team', {
    currency: 'USD',
    meters: [{ meter: 'input_tokens', model: 'per_unit', unit_price: '0.01' }],
  })
  await storeCustomer(pool, 'acme', 'team')
  api.clock = at(2)
  await post('import', file(price({ unit_price: '3' })))
  await approveAll()
  const startNano = BigInt(at(4).getTime()) * 1_000_000n
  const call = modelCall(1, {
    ...{ provider: 'acme', model: 'dated', requestModel: null, startNano, endNano: startNano },
    buckets: { ...NO_TOKENS, inputUncached: 1_000 },
  })
  const assembly = assemblyOf({ calls: [call], startNano, endNano: startNano })
  const eventId = await storeEvent(pool, {
    ...{ traceNo: 7, customer: 'acme', time: at(4), recordedAt: at(4), assembly },
  })
  await createRater({ pool }).rate(at(4))
  const period = 'from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z'
  const margin = async () => (await api.get(`/v1/margins?group_by=model&${period}`)).body.data
  expect((await api.get(`/v1/events/${eventId}`)).body).toMatchObject({ cogs: '3', price: '10', margin: '7' })
  expect(await margin()).toMatchObject([{ key: 'dated', cogs: '3', margin: '7' }])
  api.clock = at(5)
  const since = at(3).toISOString()
  const dated = [
    price({ unit_price: '3', effective_to: since }),
    price({ unit_price: '2.5', effective_from: since }),
  ]
  await post('import', file(...dated))
  const [waiting] = (await open()).filter((each: { kind: string }) => each.kind === 'back_dated')
  expect(waiting).toMatchObject({ effect: { events: 1, customers: 1, usd: '-0.5' } })
  expect(await margin()).toMatchObject([{ cogs: '3' }])
  api.clock = at(6)
  await approveAll()
  const { body } = await api.get(`/v1/events/${eventId}`)
  expect(body).toMatchObject({
    cogs: '3',
    cogs_adjustment: '-0.5',
    price: '10',
    margin: '7.5',
    margin_pct: '75.00',
  })
  expect(await margin()).toMatchObject([{ key: 'dated', cogs: '2.5', revenue: '10', margin: '7.5' }])
})

test('what is not there is not found', async () => {
  for (const id of ['1', 'x', '99999999999999999999']) {
    expect((await post(`proposals/${id}/approve`)).status).toBe(404)
  }
})

test('a body may be as large as a catalogue, and no larger', async () => {
  const document = { note: 'x'.repeat(2 * 1024 * 1024), prices: [] }
  expect((await post('import', { document })).status).toBe(400)
  expect((await post('import', { document: 'x'.repeat(17 * 1024 * 1024) })).status).toBe(413)
  expect((await post('proposals/1/approve', { reason: 'x'.repeat(2 * 1024 * 1024) })).status).toBe(413)
})

function genai(prices: Record<string, number>) {
  const model = { id: 'm', match: { equals: 'm' }, prices }
  return [{ id: 'acme', name: 'Acme', api_pattern: 'acme', models: [model] }]
}

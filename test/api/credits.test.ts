import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { NO_TOKENS } from '../../core/usage.ts'
import { expireDue } from '../../rating/ledger/expire-due.ts'
import { createRater } from '../../rating/rater.ts'
import { traceDebit } from '../../schema/ledger/trace-debit.ts'
import {
  assemblyOf,
  modelCall,
  NOON,
  spanIdOf,
  storeEvent,
  storeOverride,
  traceIdOf,
} from '../rating/events.ts'
import { type RunningApi, startApi } from './start.ts'

const PLAN = {
  currency: 'USD',
  credit_rate: '0.01',
  bill_as: 'credits',
  meters: [{ meter: 'input_tokens', model: 'per_unit', unit_price: '3', per: '1000' }],
}
const LATER = new Date(NOON.getTime() + 3_600_000)

let api: RunningApi

beforeAll(async () => {
  api = await startApi()
  api.clock = NOON
  await api.put('/v1/plans/credits', PLAN)
  await storeOverride(api.database.pool, {
    provider: 'house',
    model: 'm',
    meter: 'input_uncached',
    unitPrice: '0.001',
  })
})
afterAll(() => api.stop())
beforeEach(() => {
  api.clock = NOON
})

async function customer(id: string): Promise<string> {
  await api.put(`/v1/customers/${id}`, {})
  await api.put(`/v1/customers/${id}/subscription`, { plan: 'credits', from: '2026-01-01T00:00:00Z' })
  return `/v1/customers/${id}`
}

async function use(
  traceNo: number,
  customerId: string,
  tokens: readonly number[],
  revision = 0,
  model = 'm',
) {
  const calls = tokens.map((inputUncached, no) =>
    modelCall(no + 1, {
      provider: 'house',
      model,
      requestModel: null,
      buckets: { ...NO_TOKENS, inputUncached },
    }),
  )
  const recordedAt = api.clock
  await storeEvent(api.database.pool, {
    traceNo,
    revision,
    customer: customerId,
    recordedAt,
    assembly: assemblyOf({ calls }),
  })
  await createRater({ pool: api.database.pool }).rate(api.clock)
}

describe('a grant', () => {
  test('is made once per Idempotency-Key', async () => {
    const path = await customer('keyed')
    const body = { amount: '12.50', kind: 'promo', expires_at: '2026-12-01T00:00:00+01:00' }
    const first = await api.post(`${path}/grants`, body, { 'idempotency-key': 'g-1' })
    expect(first).toMatchObject({
      status: 201,
      body: {
        kind: 'promo',
        amount: '12.5',
        remaining: '12.5',
        priority: 50,
        effective_at: null,
        expires_at: '2026-11-30T23:00:00.000Z',
        recorded_at: NOON.toISOString(),
      },
    })
    const again = await api.post(`${path}/grants`, body, { 'idempotency-key': 'g-1' })
    expect([again.status, again.body]).toEqual([201, first.body])
    const other = await api.post(`${path}/grants`, { ...body, amount: '13' }, { 'idempotency-key': 'g-1' })
    expect(other).toMatchObject({ status: 409, body: { code: 'conflict' } })
    expect((await api.get(`${path}/balance`)).body).toMatchObject({
      balance: '12.5',
      granted: '12.5',
      grants: [first.body],
    })
  })

  test.each([
    ['an amount of 10^30', { amount: `1${'0'.repeat(30)}` }, '/amount'],
    ['nothing', { amount: '0.000' }, '/amount'],
    ['a negative amount', { amount: '-1' }, '/amount'],
    ['an amount that is a number', { amount: 5 }, '/amount'],
    ['an unknown kind', { kind: 'gift' }, '/kind'],
    ['an expiry that has come', { expires_at: NOON.toISOString() }, '/expires_at'],
    [
      'an expiry before it is effective',
      { effective_at: '2027-01-01T00:00:00Z', expires_at: '2027-01-01T00:00:00Z' },
      '/expires_at',
    ],
    ['an unknown field', { amuont: '1' }, '/amuont'],
  ])('is refused with %s', async (_, said, path) => {
    await customer('refused')
    const answer = await api.post('/v1/customers/refused/grants', { amount: '1', kind: 'paid', ...said })
    expect(answer).toMatchObject({ status: 400, body: { faults: [{ path }] } })
    expect((await api.get('/v1/customers/refused/ledger')).body.data).toEqual([])
  })

  test('needs its customer', async () => {
    for (const answer of [
      await api.post('/v1/customers/nobody/grants', { amount: '1', kind: 'paid' }),
      await api.get('/v1/customers/nobody/balance'),
      await api.get('/v1/customers/nobody/ledger'),
    ]) {
      expect(answer).toMatchObject({ status: 404, body: { code: 'not_found' } })
    }
  })

  test('made by many at once is each there', async () => {
    const path = await customer('raced')
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => api.post(`${path}/grants`, { amount: '0.1', kind: 'paid' })),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]))
    expect((await api.get(`${path}/balance`)).body).toMatchObject({ balance: '1.2' })
  })
})

test('the balance is told for any instant', async () => {
  const path = await customer('timed')
  await api.post(`${path}/grants`, { amount: '10', kind: 'promo', expires_at: LATER.toISOString() })
  const soon = new Date(LATER.getTime() + 1000).toISOString()
  await api.post(`${path}/grants`, { amount: '5', kind: 'paid', effective_at: soon })
  api.clock = new Date(NOON.getTime() + 1000)
  await use(1, 'timed', [20])
  const at = async (instant: string) => {
    const { balance, upcoming, granted, used, expired, overage } = (
      await api.get(`${path}/balance?at=${instant}`)
    ).body
    return { balance, upcoming, granted, used, expired, overage }
  }
  const nothing = { balance: '0', upcoming: '0', granted: '0', used: '0', expired: '0', overage: '0' }
  expect(await at('2026-11-23T11:59:59Z')).toEqual(nothing)
  expect(await at(NOON.toISOString())).toEqual({ ...nothing, balance: '10', upcoming: '5', granted: '15' })
  const used = { ...nothing, balance: '4', upcoming: '5', granted: '15', used: '6' }
  expect(await at(api.clock.toISOString())).toEqual(used)
  // Not booked yet, but at its expiry a grant is dead.
  const dead = { ...used, balance: '0', expired: '4' }
  expect(await at(LATER.toISOString())).toEqual(dead)
  expect(await expireDue(api.database.pool, LATER)).toBe(1)
  expect(await at(LATER.toISOString())).toEqual(dead)
  expect(await at(soon)).toEqual({ ...dead, balance: '5', upcoming: '0' })
  expect(await at(api.clock.toISOString()), 'the past stays as it was').toEqual(used)
})

describe('the ledger', () => {
  test('leads from each debit to event, revision, spans and price rows', async () => {
    const path = await customer('traced')
    await api.post(`${path}/grants`, { amount: '2', kind: 'promo' })
    await api.post(`${path}/grants`, { amount: '3', kind: 'paid' })
    await use(7, 'traced', [10])
    await use(7, 'traced', [10, 20], 1)
    const { data } = (await api.get(`${path}/ledger`)).body
    const told = data.map((row: Record<string, unknown>) => [
      row.entry_no,
      row.kind,
      row.amount,
      row.change,
      row.balance,
      row.revision,
      row.span_ids,
    ])
    expect(told).toEqual([
      [6, 'overage', '4', '0', '0', 1, [spanIdOf(2)]],
      [5, 'debit', '2', '-2', '0', 1, [spanIdOf(2)]],
      [4, 'debit', '1', '-1', '2', 0, [spanIdOf(1)]],
      [3, 'debit', '2', '-2', '3', 0, [spanIdOf(1)]],
      [2, 'grant', '3', '3', '5', null, []],
      [1, 'grant', '2', '2', '2', null, []],
    ])
    expect(data[0]).toMatchObject({ event_id: `evt_${traceIdOf(7)}`, trace_id: traceIdOf(7) })

    const pages: unknown[] = []
    for (let cursor = ''; cursor !== 'null'; ) {
      const { body } = await api.get(`${path}/ledger?limit=4${cursor && `&cursor=${cursor}`}`)
      pages.push(...body.data)
      cursor = String(body.next_cursor)
    }
    expect(pages).toEqual(data)

    const found = await traceDebit(api.database.pool, 'default', data[1].entry_id)
    expect(found).toMatchObject({
      entry: { customer: 'traced', amount: '2', source: `grant:${data[4].grant_id}`, destination: 'usage' },
      event: { event_id: `evt_${traceIdOf(7)}`, revision: 1, trace_id: traceIdOf(7) },
      price_lines: [
        {
          meter: 'input_tokens',
          plan: 'credits',
          plan_version: 1,
          quantity: '20',
          amount: '0.06',
          credit_rate: '0.01',
        },
      ],
      cost_lines: [
        {
          meter: 'input_uncached',
          quantity: '20',
          unit_price: '0.001',
          amount: '0.02',
          span_ids: [spanIdOf(2)],
        },
      ],
      span_ids: [spanIdOf(2)],
    })
    expect(found.cost_lines[0]).toHaveProperty('price_row_id', expect.stringMatching(/^\d+$/))
    await expect(traceDebit(api.database.pool, 'other', data[1].entry_id)).rejects.toThrow(/no entry/)
  })

  test('tells the discount and the rate by which a cost is worked out again from its price row', async () => {
    const path = await customer('recomputed')
    const price = { provider: 'house', meter: 'input_uncached', unit_price: '0.002' }
    const listed = {
      ...price,
      model: 'listed',
      service_tier: 'standard',
      effective_from: '2026-01-01T00:00:00Z',
    }
    const document = { complete: false, prices: [{ ...listed, per: '1' }] }
    await api.post('/v1/prices/import', { document, name: 'list' })
    const [proposal] = (await api.get('/v1/prices/proposals')).body.data
    await api.post(`/v1/prices/proposals/${proposal.proposal_id}/approve`, { by: 'ann' })
    await api.put('/v1/prices/contracts/agreed', { discount_pct: '12.5', model: 'listed' })
    await api.put('/v1/prices/overrides/abroad', { ...price, model: 'abroad', currency: 'EUR' })
    await api.put('/v1/fx/EUR', { usd: '1.25' })
    const costOf = async (no: number, model: string) => {
      await use(no, 'recomputed', [1000], 0, model)
      const { data } = (await api.get(`${path}/ledger`)).body
      return (await traceDebit(api.database.pool, 'default', data[0].entry_id)).cost_lines[0]
    }
    const common = { quantity: '1000', unit_price: '0.002', per: '1', allocated: false }
    expect(await costOf(18, 'listed')).toMatchObject({
      ...common,
      price_discount_id: expect.any(String),
      discount_pct: '12.5',
      native_amount: '1.75',
      fx_rate_id: null,
      fx_usd: null,
      amount: '1.75',
    })
    expect(await costOf(19, 'abroad')).toMatchObject({
      ...common,
      price_discount_id: null,
      discount_pct: null,
      currency: 'EUR',
      native_amount: '2',
      fx_rate_id: expect.any(String),
      fx_usd: '1.25',
      amount: '2.5',
    })
  })

  test('shows what a correction takes back', async () => {
    const path = await customer('corrected')
    await api.post(`${path}/grants`, { amount: '10', kind: 'paid' })
    await use(8, 'corrected', [10, 20])
    await use(8, 'corrected', [10], 1)
    const { data } = (await api.get(`${path}/ledger`)).body
    expect(data[0]).toMatchObject({
      kind: 'correction',
      amount: '6',
      change: '6',
      balance: '7',
      revision: 1,
      reverses: data[1].entry_id,
      span_ids: [spanIdOf(2)],
    })
    expect((await api.get(`${path}/balance`)).body).toMatchObject({ balance: '7', used: '3' })
  })

  test('of one tenant is not seen by another', async () => {
    await customer('mine')
    await api.post('/v1/customers/mine/grants', { amount: '1', kind: 'paid' })
    const other = { 'x-aforo-tenant': 'other' }
    expect((await api.get('/v1/customers/mine/ledger', other)).status).toBe(404)
    await api.put('/v1/customers/mine', {}, other)
    expect((await api.get('/v1/customers/mine/ledger', other)).body.data).toEqual([])
    expect((await api.get('/v1/customers/mine/balance', other)).body.balance).toBe('0')
  })
})

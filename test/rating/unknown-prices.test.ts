import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { NO_TOKENS, type Usage } from '../../core/usage.ts'
import type { RunningApi } from '../api/start.ts'
import { callOf, traceIdOf } from '../support/usages.ts'
import { ClockedBooks } from './clocked-books.ts'

/** A price that is made of a cost nobody knows: nowhere is it a zero, and when the cost is known it is charged. */

const PLANS = {
  marked: [{ meter: 'cogs', model: 'cost_plus', markup_pct: '50' }],
  token: [{ meter: 'input_tokens', model: 'per_unit', unit_price: '2', per: '1000000' }],
  // Of what the house runs the tokens are charged, of all else the cost.
  split: [
    {
      meter: 'input_tokens',
      model: 'per_unit',
      unit_price: '2',
      per: '1000000',
      filter: { provider: 'house' },
    },
    { meter: 'cogs', model: 'cost_plus', markup_pct: '50', filter: { provider: 'elsewhere' } },
  ],
}

let world: ClockedBooks
let api: RunningApi
const settle = (...usages: readonly Usage[]) => world.settle(...usages)

beforeAll(async () => {
  world = await ClockedBooks.start()
  api = world.api
  for (const [plan, meters] of Object.entries(PLANS)) {
    world.tick()
    const body = { currency: 'USD', credit_rate: '0.5', bill_as: 'credits', meters }
    expect((await api.put(`/v1/plans/${plan}`, body)).status).toBe(201)
    await api.put(`/v1/customers/${plan}`, {})
    const subscription = { plan, from: '2026-01-01T00:00:00Z' }
    expect((await api.put(`/v1/customers/${plan}/subscription`, subscription)).status).toBeLessThan(300)
  }
})
afterAll(() => api.stop())
beforeEach(() => world.tick())

/** A million tokens in, of a model that only the test knows, in a span beside others. */
function tokens(trace: string, span: string, customer: string, model: string, provider = 'house'): Usage {
  const buckets = { ...NO_TOKENS, inputUncached: 1_000_000 }
  const of = { provider, requestModel: model, responseModel: model, customer, buckets }
  return callOf(trace, span, span === 'root' ? of : { ...of, parentSpanId: '' })
}

async function eventOf(trace: string) {
  return (await api.get(`/v1/events?trace_id=${traceIdOf(trace)}`)).body.data[0]
}

async function sql(text: string): Promise<Record<string, unknown>[]> {
  const client = await api.database.pool.connect()
  try {
    await client.query('set session authorization aforo_grafana')
    const { rows } = await client.query(text)
    return rows.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, value === null ? null : Number(value)]),
      ),
    )
  } finally {
    client.release(true)
  }
}

async function exported(kind: string, customer: string): Promise<Record<string, string | null>[]> {
  const url = `${api.url}/v1/exports/${kind}?customer=${customer}`
  const answer = await fetch(url, { headers: { accept: 'application/x-ndjson' } })
  const lines = (await answer.text()).trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line))
}

describe('a plan that marks up costs', () => {
  test('has no price for a call without a price row, in no answer, view or export', async () => {
    await settle(tokens('marked', 'root', 'marked', 'm'))
    expect(await eventOf('marked')).toMatchObject({
      status: 'unpriced',
      cogs: null,
      cogs_known: '0',
      price: null,
      price_known: '0',
      margin: null,
      margin_pct: null,
      credits: null,
      credits_known: '0',
      stack: [{ part: 'prompt', cogs: null, price: null }, {}, {}, {}],
      models: [{ model: 'm', cogs: null, price: null }],
    })
    expect((await api.get('/v1/margins?group_by=customer')).body.data).toEqual([
      expect.objectContaining({
        key: 'marked',
        cogs: null,
        cogs_known: '0',
        revenue: null,
        revenue_known: '0',
        margin: null,
        unpriced_calls: 1,
        coverage_pct: '0.00',
      }),
    ])
    const unknown = { cogs: null, revenue: null, margin: null, unpriced_calls: 1, unpriced: 1, uncharged: 1 }
    for (const view of ['margin_by_customer', 'margin_by_model']) {
      expect(
        await sql(`select cogs, revenue, margin, unpriced_calls, unpriced, uncharged from aforo.${view}`),
      ).toEqual([unknown])
    }
    expect(
      await sql('select price, price_usd, price_known, credits, cogs, margin from aforo.billable_events'),
    ).toEqual([{ price: null, price_usd: null, price_known: 0, credits: null, cogs: null, margin: null }])
    expect(
      await sql('select cogs, price, price_usd, unpriced, uncharged from aforo.billable_event_lines'),
    ).toEqual([{ cogs: null, price: null, price_usd: null, unpriced: 1, uncharged: 1 }])
    expect(await exported('usage', 'marked')).toMatchObject([
      { cogs: null, cogs_known: '0', price: null, price_known: '0' },
    ])
    expect(await exported('events', 'marked')).toMatchObject([
      { cogs: null, price: null, price_known: '0', margin: null, credits: null },
    ])
    // Nothing was debited, and nothing says so.
    expect((await api.get('/v1/customers/marked/ledger')).body.data).toEqual([])
    expect(await world.gaps()).toEqual([])
  })

  test('charges exactly that call when its price arrives, by a revision of its own', async () => {
    await api.put('/v1/prices/overrides/m', { model: 'm', meter: 'input_uncached', unit_price: '0.000002' })
    await settle()
    const event = await eventOf('marked')
    expect(event).toMatchObject({
      revision: 1,
      status: 'rated',
      cogs: '2',
      price: '3',
      margin: '1',
      credits: '6',
    })
    expect(event).not.toHaveProperty('price_known')
    expect((await api.get('/v1/margins?group_by=customer')).body.data).toMatchObject([
      { key: 'marked', cogs: '2', revenue: '3', margin: '1', coverage_pct: '100.00' },
    ])
    for (const view of ['margin_by_customer', 'margin_by_model']) {
      expect(await sql(`select cogs, revenue, margin, unpriced, uncharged from aforo.${view}`)).toEqual([
        { cogs: 2, revenue: 3, margin: 1, unpriced: 0, uncharged: 0 },
      ])
    }
    expect(
      await sql(`select sum(cogs) as cogs, sum(price) as price, sum(unpriced) as unpriced, sum(uncharged) as uncharged
        from aforo.billable_event_lines`),
    ).toEqual([{ cogs: 2, price: 3, unpriced: 0, uncharged: 0 }])
    expect((await exported('usage', 'marked')).map(({ revision, price }) => [revision, price])).toEqual([
      ['0', null],
      ['1', '3'],
    ])
    expect((await api.get('/v1/customers/marked/ledger')).body.data).toMatchObject([{ amount: '6' }])
    const { body } = await api.get(`/v1/events?trace_id=${traceIdOf('marked')}&revisions=all`)
    expect(body.data.map((row: { price: string | null }) => row.price)).toEqual(['3', null])
    expect(await world.gaps()).toEqual([])
  })

  test('says what it knows of an event beside what it does not, and sums of lines keep it', async () => {
    await settle(tokens('part', 'root', 'marked', 'm'), tokens('part', 'other', 'marked', 'n'))
    expect(await eventOf('part')).toMatchObject({
      cogs: null,
      cogs_known: '2',
      price: null,
      price_known: '3',
      credits: null,
      credits_known: '6',
      models: [
        { model: 'm', cogs: '2', price: '3' },
        { model: 'n', cogs: null, price: null },
      ],
    })
    expect(
      await sql(`select sum(cogs) as cogs, sum(price) as price, sum(unpriced) as unpriced, sum(uncharged) as uncharged
        from aforo.billable_event_lines`),
    ).toEqual([{ cogs: 4, price: 6, unpriced: 1, uncharged: 1 }])
    expect(
      await sql(`select cogs, revenue, margin, unpriced, uncharged from aforo.margin_by_customer`),
    ).toEqual([{ cogs: 4, revenue: 6, margin: null, unpriced: 1, uncharged: 1 }])
    expect(await world.gaps()).toEqual([])
  })
})

describe('a price that no cost is part of', () => {
  test('is known though the cost is not, with the margin open', async () => {
    await settle(tokens('token', 'root', 'token', 'n'))
    const event = await eventOf('token')
    expect(event).toMatchObject({ status: 'unpriced', cogs: null, price: '2', margin: null, credits: '4' })
    expect(event).not.toHaveProperty('price_known')
    expect(
      await sql(
        `select cogs, revenue, margin, unpriced, uncharged from aforo.margin_by_customer where customer = 'token'`,
      ),
    ).toEqual([{ cogs: null, revenue: 2, margin: null, unpriced: 1, uncharged: 0 }])
    expect((await exported('events', 'token'))[0]).toMatchObject({
      price: '2',
      price_known: '2',
      credits: '4',
    })
    expect((await api.get('/v1/customers/token/ledger')).body.data).toMatchObject([{ amount: '4' }])
  })

  test('is known of a model whose cost the plan leaves to its tokens, and not of one that it marks up', async () => {
    await settle(tokens('house', 'root', 'split', 'n'))
    expect(await eventOf('house')).toMatchObject({ status: 'unpriced', cogs: null, price: '2' })
    await settle(tokens('both', 'root', 'split', 'n'), tokens('both', 'other', 'split', 'n', 'elsewhere'))
    expect(await eventOf('both')).toMatchObject({
      price: null,
      price_known: '2',
      models: [
        { provider: 'elsewhere', price: null },
        { provider: 'house', price: '2' },
      ],
    })
    expect(await world.gaps()).toEqual([])
  })
})

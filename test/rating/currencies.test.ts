import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { NO_TOKENS, type Usage } from '../../core/usage.ts'
import type { RunningApi } from '../api/start.ts'
import { callOf, noon, traceIdOf } from '../support/usages.ts'
import { ClockedBooks } from './clocked-books.ts'

let world: ClockedBooks
let api: RunningApi
const settle = (...usages: readonly Usage[]) => world.settle(...usages)

beforeAll(async () => {
  world = await ClockedBooks.start()
  api = world.api
})
afterAll(() => api.stop())
beforeEach(() => world.tick())

/** A million tokens in, of a model that only the test knows. */
function tokens(trace: string, model: string, of: Partial<Usage> = {}): Usage {
  const named = { provider: 'house', requestModel: model, responseModel: model, customer: null }
  return callOf(trace, 'root', { ...named, buckets: { ...NO_TOKENS, inputUncached: 1_000_000 }, ...of })
}

async function eventOf(trace: string, query = '') {
  return (await api.get(`/v1/events?trace_id=${traceIdOf(trace)}${query}`)).body.data[0]
}

async function linesOf(trace: string) {
  const { rows } = await api.database.pool.query<Record<string, string | null>>(
    `select meter, trim_scale(sum(quantity))::text as quantity, trim_scale(sum(amount))::text as amount,
       trim_scale(sum(native_amount))::text as native, currency, trim_scale(min(unit_price))::text as unit_price,
       price_discount_id::text as discount, fx_rate_id::text as rate
     from aforo_store.cost_lines l join aforo_store.events e using (tenant_id, event_id, revision, time)
     where e.trace_id = $1
     group by meter, currency, price_row_id, price_discount_id, fx_rate_id having sum(quantity) <> 0 order by 1`,
    [Buffer.from(traceIdOf(trace), 'hex')],
  )
  return rows
}

async function customer(id: string, plan: string): Promise<void> {
  expect((await api.put(`/v1/customers/${id}`, {})).status).toBeLessThan(300)
  const subscription = { plan, from: '2026-01-01T00:00:00Z' }
  expect((await api.put(`/v1/customers/${id}/subscription`, subscription)).status).toBeLessThan(300)
}

describe('a price in another currency', () => {
  const price = { model: 'yuan', meter: 'input_uncached', unit_price: '4', per: '1000000', currency: 'CNY' }

  test('is unpriced without a rate and says so, and the rate completes it', async () => {
    expect((await api.put('/v1/prices/overrides/yuan', price)).status).toBe(201)
    await settle(tokens('yuan', 'yuan'))
    expect(await linesOf('yuan')).toMatchObject([{ amount: null, quantity: '1000000' }])
    const { data } = (await api.get('/v1/exceptions?kind=unpriced')).body
    expect(data).toMatchObject([{ provider: 'house', model: 'yuan', reason: 'no_rate_for_cny' }])

    world.tick()
    expect(await api.put('/v1/fx/CNY', { usd: '0.140625', source: 'ECB' })).toMatchObject({
      status: 201,
      body: { currency: 'CNY', usd: '0.140625', effective_from: '1970-01-01T00:00:00.000Z', source: 'ECB' },
    })
    await settle()
    expect(await linesOf('yuan')).toMatchObject([
      { native: '4', amount: '0.5625', currency: 'CNY', unit_price: '4' },
    ])
    expect((await api.get('/v1/exceptions?kind=unpriced')).body.data).toEqual([])
  })

  test('keeps the rate it was booked at, and a later rate counts from its beginning', async () => {
    await settle()
    const from = { effective_from: noon(world.second).toISOString() }
    expect((await api.put('/v1/fx/CNY', { usd: '0.15', ...from })).status).toBe(201)
    expect((await api.put('/v1/fx/CNY', { usd: '0.15', ...from })).status, 'says the same').toBe(200)
    const later = { startNano: BigInt(noon(world.second + 1).getTime()) * 1_000_000n }
    await settle(
      tokens('later yuan', 'yuan', { ...later, endNano: later.startNano + 1n }),
      callOf('yuan', 'late span', { ...tokens('yuan', 'yuan'), spanId: 'f'.repeat(16), parentSpanId: '' }),
    )
    expect(await linesOf('later yuan')).toMatchObject([{ amount: '0.6' }])
    expect(
      await linesOf('yuan'),
      'the late span at the rate of its time, by the row that says so now',
    ).toMatchObject([
      { quantity: '1000000', native: '4', amount: '0.5625' },
      { quantity: '1000000', native: '4', amount: '0.5625' },
    ])
    const { data } = (await api.get('/v1/fx?currency=CNY')).body
    expect(data.map((rate: { usd: string }) => rate.usd)).toEqual(['0.140625', '0.15'])
  })
})

test('an override counts in its region, from its length on, at its hours, in its tier, and nowhere else', async () => {
  const of = {
    model: 'choosy',
    meter: 'input_uncached',
    per: '1000000',
    effective_from: '2026-01-01T00:00:00Z',
  }
  const hours = { tz: 'Europe/Berlin', weekdays: [1], from: '12:00', to: '14:00' }
  for (const [id, unit_price, narrower] of [
    ['all', '1', {}],
    ['region', '2', { region: 'EU-West-1' }],
    ['length', '3', { context_from: '1500000' }],
    ['inclusive', '5', { context_from: '1000001', context_inclusive: true }],
    ['tier', '7', { service_tier: 'priority' }],
    ['hours', '11', { schedule: hours }],
  ] as const) {
    const put = await api.put(`/v1/prices/overrides/choosy-${id}`, { ...of, unit_price, ...narrower })
    expect(put.status).toBe(201)
  }
  const night = noon(-6 * 3_600)
  const at = (of: Partial<Usage>) => ({
    startNano: BigInt(night.getTime()) * 1_000_000n,
    endNano: BigInt(night.getTime()) * 1_000_000n + 1n,
    ...of,
  })
  const million = { ...NO_TOKENS, inputUncached: 1_000_001 }
  await settle(
    tokens('choosy all', 'choosy', at({})),
    tokens('choosy region', 'choosy', at({ region: 'eu-west-1' })),
    tokens('choosy inclusive', 'choosy', at({ buckets: million })),
    tokens('choosy length', 'choosy', at({ buckets: { ...million, inputUncached: 2_000_000 } })),
    tokens('choosy tier', 'choosy', at({ serviceTier: 'priority' })),
    tokens('choosy hours', 'choosy'),
  )
  const prices = []
  for (const trace of ['all', 'region', 'inclusive', 'length', 'tier', 'hours']) {
    prices.push((await linesOf(`choosy ${trace}`))[0]?.unit_price)
  }
  expect(prices).toEqual(['1', '2', '5', '3', '7', '11'])
})

describe('a negotiated discount', () => {
  test('is taken off the list where its globs match, and what was booked keeps it', async () => {
    const { pool } = api.database
    await pool.query(
      `insert into aforo_store.price_rows
         (tenant_id, book, provider, model, meter, unit_price, per, effective_from, recorded_at, source)
       select '', 'catalogue', 'house', 'listed', meter, 3, 1000000, '2020-01-01', '2020-01-01', 'test'
       from unnest(array['input_uncached', 'output']) as meter`,
    )
    const body = { provider: 'house', model: 'list*', meter: 'input*', discount_pct: '12.5' }
    const from = { effective_from: '2026-01-01T00:00:00Z', effective_to: '2027-01-01T00:00:00Z' }
    const put = await api.put('/v1/prices/contracts/house-2026', { ...body, ...from })
    expect(put).toMatchObject({ status: 201, body: { contract_id: 'house-2026', discount_pct: '12.5' } })
    expect((await api.put('/v1/prices/contracts/house-2026', { ...body, ...from })).status).toBe(200)
    const buckets = { ...NO_TOKENS, inputUncached: 1_000_000, outputText: 1_000_000 }
    await settle(tokens('listed', 'listed', { buckets }))
    expect(await linesOf('listed')).toMatchObject([
      { meter: 'input_uncached', amount: '2.625', unit_price: '3', discount: put.body.price_discount_id },
      { meter: 'output', amount: '3', discount: null },
    ])

    expect(
      (await api.put('/v1/prices/contracts/house-2026', { ...body, ...from, discount_pct: '50' })).status,
    ).toBe(201)
    await settle(
      tokens('listed again', 'listed'),
      callOf('listed', 'more', { ...tokens('listed', 'listed'), spanId: 'e'.repeat(16), parentSpanId: '' }),
    )
    expect(await linesOf('listed again')).toMatchObject([{ amount: '1.5' }])
    const [first, second] = await linesOf('listed')
    expect([first, second], 'the first call as it was booked, the second as it is agreed now').toMatchObject([
      { amount: '2.625', quantity: '1000000' },
      { amount: '1.5', quantity: '1000000' },
    ])
  })

  test('takes nothing off an override, and an absolute contract goes before it', async () => {
    const of = { model: 'agreed', meter: 'input_uncached', per: '1000000' }
    await api.put('/v1/prices/overrides/agreed', { ...of, unit_price: '2' })
    await api.put('/v1/prices/contracts/everything', {
      discount_pct: '10',
      effective_from: '2026-01-01T00:00:00Z',
    })
    await settle(tokens('overridden', 'agreed'))
    expect(await linesOf('overridden')).toMatchObject([{ amount: '2', discount: null }])
    const from = { effective_from: '2026-01-01T00:00:00Z' }
    expect(
      (await api.put('/v1/prices/contracts/agreed', { ...of, ...from, unit_price: '1' })).body,
    ).toMatchObject({
      book: 'contract',
      source: 'contract:agreed',
    })
    await settle(tokens('agreed', 'agreed'))
    expect(await linesOf('agreed')).toMatchObject([{ amount: '1', discount: null }])
    expect((await api.put('/v1/prices/contracts/agreed', { discount_pct: '1' })).status).toBe(409)
    expect((await api.put('/v1/prices/contracts/everything', { ...of, unit_price: '1' })).status).toBe(409)
  })
})

describe('a plan in another currency', () => {
  const meters = [
    { meter: 'input_tokens', model: 'per_unit', unit_price: '2', per: '1000000' },
    { meter: 'cogs', model: 'cost_plus', markup_pct: '100' },
  ]

  test('charges in it; what costs are worth in it, and it in USD, is known with a rate', async () => {
    expect(
      (await api.put('/v1/plans/europe', { currency: 'EUR', meters, minimum: '5', credit_rate: '0.5' }))
        .status,
    ).toBe(201)
    await customer('müller', 'europe')
    await api.put('/v1/prices/overrides/house', {
      model: 'own',
      meter: 'input_uncached',
      unit_price: '0.00000123',
    })
    await settle(tokens('europe', 'own', { customer: 'müller' }))
    expect(await eventOf('europe')).toMatchObject({
      status: 'unpriced',
      currency: 'EUR',
      price: null,
      price_known: '2',
      credits: null,
      credits_known: '4',
      cogs: null,
      cogs_usd: '1.23',
      fx_usd: null,
      margin: null,
    })
    expect((await api.get('/v1/margins?group_by=customer')).body.data).toContainEqual(
      expect.objectContaining({
        key: 'müller',
        revenue: null,
        revenue_known: '0',
        cogs: '1.23',
        margin: null,
      }),
    )
    expect((await api.get('/v1/exceptions?kind=unpriced')).body.data).toMatchObject([
      { provider: 'fx', model: 'EUR', reason: 'no_rate_for_eur' },
    ])
    expect(await world.gaps()).toEqual([])

    world.tick()
    await api.put('/v1/fx/EUR', { usd: '1.2' })
    await settle()
    // 1.23 USD are 1.025 EUR, charged twice; 4.05 EUR are 4.86 USD.
    expect(await eventOf('europe')).toMatchObject({
      status: 'rated',
      price: '4.05',
      cogs: '1.025',
      margin: '3.025',
      margin_pct: '74.69',
      cogs_usd: '1.23',
      fx_usd: '1.2',
      credits: '8.1',
      stack: [{ part: 'prompt', cogs: '1.025', price: '4.05' }, {}, {}, {}],
    })
    expect((await api.get('/v1/margins?group_by=customer')).body.data).toContainEqual(
      expect.objectContaining({ key: 'müller', revenue: '4.86', cogs: '1.23', margin: '3.63' }),
    )
    expect((await api.get('/v1/exceptions?kind=unpriced')).body.data).toEqual([])
  })

  test('shows in the views in USD, beside the price as it is', async () => {
    const client = await api.database.pool.connect()
    try {
      await client.query('set session authorization aforo_grafana')
      const { rows: events } = await client.query(
        `select price, price_usd, cogs, margin, currency from aforo.billable_events where customer = 'müller'`,
      )
      expect(events.map(numbers)).toEqual([
        { price: 4.05, price_usd: 4.86, cogs: 1.23, margin: 3.63, currency: 'EUR' },
      ])
      const { rows: margins } = await client.query(
        `select sum(revenue) as revenue, sum(margin) as margin, sum(unconverted) as unconverted
         from aforo.margin_by_customer where customer = 'müller'`,
      )
      expect(margins.map(numbers)).toEqual([{ revenue: 4.86, margin: 3.63, unconverted: 0 }])
    } finally {
      client.release(true)
    }
  })

  test('keeps the rate an event was charged by', async () => {
    await api.put('/v1/fx/EUR', { usd: '2', effective_from: '2026-01-01T00:00:00Z' })
    await settle(tokens('europe', 'own', { customer: 'müller', spanId: 'd'.repeat(16), parentSpanId: '' }))
    expect(await eventOf('europe')).toMatchObject({ fx_usd: '1.2', cogs: '2.05', price: '8.1' })
    await settle(tokens('dearer', 'own', { customer: 'müller' }))
    expect(await eventOf('dearer')).toMatchObject({ fx_usd: '2', cogs: '0.615', price: '3.23' })
  })

  test('may not become one in another', async () => {
    const refused = await api.put('/v1/plans/europe', { currency: 'USD', meters })
    expect(refused).toMatchObject({
      status: 409,
      body: { code: 'conflict', faults: [{ path: '/currency' }] },
    })
    expect(refused.body.detail).toContain('make another plan')
  })

  test('may be followed by one in another within a period: each counts its own usage', async () => {
    await api.put('/v1/plans/states', { currency: 'USD', meters })
    const subscription = { plan: 'states', from: noon(world.second).toISOString() }
    expect((await api.put('/v1/customers/müller/subscription', subscription)).status).toBeLessThan(300)
    const start = BigInt(noon(world.second + 1).getTime()) * 1_000_000n
    await settle(tokens('states', 'own', { customer: 'müller', startNano: start, endNano: start + 1n }))
    expect(await eventOf('states')).toMatchObject({
      currency: 'USD',
      price: '4.46',
      cogs: '1.23',
      status: 'rated',
    })
    expect((await eventOf('states')).fx_usd).toBeUndefined()
  })
})

describe('the books', () => {
  test('are without a gap, and a rate or discount that is changed is named', async () => {
    expect(await world.gaps()).toEqual([])
    const { pool } = api.database
    for (const [change, back, found] of [
      ['fx_rates set usd = usd + 0.01', 'fx_rates set usd = usd - 0.01', /ratings|price_rows/],
      [
        'price_discounts set discount_pct = discount_pct + 1',
        'price_discounts set discount_pct = discount_pct - 1',
        /price_rows/,
      ],
      [
        'cost_lines set native_amount = native_amount + 1 where native_amount > 1',
        'cost_lines set native_amount = native_amount - 1 where native_amount > 1',
        /price_rows/,
      ],
      [
        'event_lines set price_usd = price_usd + 1 where price_usd > 0',
        'event_lines set price_usd = price_usd - 1 where price_usd > 1',
        /sums/,
      ],
    ] as const) {
      await pool.query(`update aforo_store.${change}`)
      const gaps = await world.gaps()
      expect(gaps.length, change).toBeGreaterThan(0)
      expect(gaps.join('\n')).toMatch(found)
      await pool.query(`update aforo_store.${back}`)
    }
    expect(await world.gaps()).toEqual([])
  })

  test('come to the same when everything is done again', async () => {
    expect(await world.differences()).toEqual([])
  })
})

function numbers(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, name === 'currency' ? value : Number(value)]),
  )
}

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { auditAll } from '../../cmd/audit/run.ts'
import { reportLines } from '../../cmd/audit.ts'
import { NO_TOKENS } from '../../core/usage.ts'
import { createRater, type Rater } from '../../rating/rater.ts'
import { assemblyOf, modelCall, storeEvent, storeOverride } from '../rating/events.ts'
import { foundBeyondSpans } from './audited.ts'
import { type RunningApi, startApi, trace } from './start.ts'

/** Invoices of plans in other currencies than USD, and of customers in other zones than UTC. */

let api: RunningApi
let rater: Rater
let traceNo = 0

beforeAll(async () => {
  api = await startApi()
  rater = createRater(api.database)
  at('2026-01-01T00:00:00Z')
  await storeOverride(api.database.pool, {
    provider: 'anthropic',
    model: 'claude-sonnet-4-5-20250929',
    meter: 'input_uncached',
    unitPrice: '0.000003',
  })
})
afterAll(() => api.stop())

function at(time: string): void {
  api.clock = new Date(time)
}

/** An event with so many input tokens, rated at the API's clock; answers the number of its trace. */
async function use(customer: string, time: string, tokens: number, no = ++traceNo, revision = 0) {
  await storeEvent(api.database.pool, {
    traceNo: no,
    revision,
    customer,
    time: new Date(time),
    recordedAt: api.clock,
    assembly: assemblyOf({
      calls: [modelCall(1, { buckets: { ...NO_TOKENS, inputUncached: tokens } })],
    }),
  })
  await rater.rate(api.clock)
  return no
}

async function plan(id: string, body: object): Promise<void> {
  expect((await api.put(`/v1/plans/${id}`, body)).status).toBe(201)
}

async function subscribe(customer: string, subscription: object, of: object = {}): Promise<void> {
  await api.put(`/v1/customers/${customer}`, of)
  expect((await api.put(`/v1/customers/${customer}/subscription`, subscription)).status).toBeLessThan(300)
}

/** Drafts and finalises a period, in all its currencies if none is named. */
async function invoice(customer: string, from: string, to: string, currency?: string) {
  const order = { customer, period_from: from, period_to: to, ...(currency && { currency }) }
  const made = await api.post('/v1/invoices', order)
  expect([made.status < 300, made.body.detail]).toEqual([true, undefined])
  const answer = await api.post(`/v1/invoices/${made.body.invoice_id}/finalize`, {})
  expect([answer.status, answer.body.detail]).toEqual([200, undefined])
  expect(await foundBeyondSpans(api, made.body.invoice_id)).toEqual([])
  return answer.body
}

async function eventOf(no: number, query = '') {
  return (await api.get(`/v1/events?trace_id=${trace(no)}${query}`)).body.data
}

async function auditFinds(): Promise<readonly string[]> {
  const report = await auditAll(
    api.database.url,
    { tenantId: null, from: '-infinity', to: 'infinity' },
    api.clock,
  )
  // The events of this test come from no spans.
  const isOfSpans = (line: string) => /event_totals|without spans/.test(line)
  return reportLines(report).filter((line) => line.startsWith('gap') && !isOfSpans(line))
}

const PER_MILLION = { meter: 'input_tokens', model: 'per_unit', unit_price: '2', per: '1000000' }
const COSTS = { meter: 'cogs', model: 'cost_plus', markup_pct: '50' }
/** Tokens beyond the first thousand make all of them cheaper: what an event is charged depends on the others. */
const VOLUME = {
  meter: 'input_tokens',
  model: 'volume',
  tiers: [
    { up_to: '1000', unit_price: '0.01' },
    { up_to: null, unit_price: '0.002' },
  ],
}

describe('a plan in another currency', () => {
  test('in EUR is invoiced in cents, what costs are marked up at the rate of the event', async () => {
    at('2026-01-01T00:00:00Z')
    await api.put('/v1/fx/EUR', { usd: '1.2', source: 'ECB' })
    await plan('euro', { currency: 'EUR', meters: [PER_MILLION, COSTS], minimum: '5' })
    await subscribe('müller', { plan: 'euro', from: '2026-01-01T00:00:00Z' }, { tax_rate_pct: '19' })
    await use('müller', '2026-01-10T10:00:00Z', 1_000_000)
    at('2026-01-16T00:00:00Z')
    await api.put('/v1/fx/EUR', { usd: '1.5', effective_from: '2026-01-15T00:00:00Z' })
    at('2026-01-21T00:00:00Z')
    await use('müller', '2026-01-20T10:00:00Z', 500_000)
    at('2026-02-01T00:00:01Z')
    const made = await invoice('müller', '2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z')
    // 1.5 M tokens at 2 EUR; 3 USD at 1.2 and 1.5 USD at 1.5, half as much again.
    expect(made).toMatchObject({
      currency: 'EUR',
      subtotal: '8.25',
      tax: '1.57',
      total: '9.82',
      warnings: [],
    })
    expect(
      made.lines.map((line: Record<string, string>) => [line.kind, line.meter, line.quantity, line.amount]),
    ).toEqual([
      ['usage', 'input_tokens', '1500000', '3.00'],
      ['usage', 'cogs', '3.5', '5.25'],
    ])
  })

  test('in JPY is invoiced in whole yen, and what that leaves stands on the line', async () => {
    at('2026-01-01T00:00:00Z')
    await api.put('/v1/fx/JPY', { usd: '0.0065' })
    const meter = { meter: 'input_tokens', model: 'per_unit', unit_price: '0.301' }
    await plan('yen', { currency: 'JPY', meters: [meter], discount_pct: '5' })
    await subscribe(
      'tanaka',
      { plan: 'yen', from: '2026-01-01T00:00:00+09:00', timezone: 'Asia/Tokyo' },
      { tax_rate_pct: '10' },
    )
    await use('tanaka', '2025-12-31T15:00:00Z', 1001)
    at('2026-02-01T00:00:01Z')
    const made = await invoice('tanaka', '2025-12-31T15:00:00Z', '2026-01-31T15:00:00Z')
    // 1001 × 0.301 × 0.95 = 286.23595, and a tenth of 286.
    expect(made).toMatchObject({
      currency: 'JPY',
      timezone: 'Asia/Tokyo',
      amount_exact: '286.23595',
      residual: '0.23595',
      subtotal: '286',
      tax: '29',
      total: '315',
      amount_due: '315',
    })
    const html = await api.get(`/v1/invoices/${made.invoice_id}`, { accept: 'text/html' })
    expect(html.body).toContain('315')
    expect(html.body).not.toContain('315.00')
  })

  test('owes credits beyond the grants in its own money', async () => {
    at('2026-01-01T00:00:00Z')
    await plan('euro-credits', {
      currency: 'EUR',
      credit_rate: '0.5',
      bill_as: 'credits',
      overage: { unit_price: '0.6' },
      meters: [{ ...PER_MILLION, unit_price: '10' }],
    })
    await subscribe('bianchi', { plan: 'euro-credits', from: '2026-01-01T00:00:00Z' }, { tax_rate_pct: '22' })
    await api.post('/v1/customers/bianchi/grants', { amount: '8', kind: 'paid' })
    await api.post('/v1/customers/bianchi/grants', { amount: '4', kind: 'promo' })
    const no = await use('bianchi', '2026-01-10T10:00:00Z', 1_000_000)
    expect(await eventOf(no)).toMatchObject([{ currency: 'EUR', price: '10', credits: '20' }])
    at('2026-02-01T00:00:01Z')
    const made = await invoice('bianchi', '2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z')
    // 20 credits of 50 cents: 4 given, 8 bought, 8 beyond at 10 cents more each.
    expect(made).toMatchObject({
      currency: 'EUR',
      subtotal: '10.80',
      discount: '2.00',
      taxable: '8.80',
      tax: '1.94',
      total: '10.74',
      credits_applied: '4.00',
      amount_due: '6.74',
    })
    expect(made.lines).toMatchObject([
      { kind: 'usage', amount: '10.00' },
      { kind: 'overage', quantity: '8', amount: '0.80' },
    ])
  })
})

describe('a period across a change of the clocks', () => {
  test.each([
    // Clocks of Madrid go forward on 29 March and back on 25 October 2026.
    ['Europe/Madrid', '2026-03-01', '2026-02-28T23:00:00.000Z', '2026-03-31T22:00:00.000Z', 31],
    ['Europe/Madrid', '2026-10-01', '2026-09-30T22:00:00.000Z', '2026-10-31T23:00:00.000Z', 31],
    // São Paulo has kept its clocks since 2019; before, they went back in February and forward in November.
    ['America/Sao_Paulo', '2026-03-01', '2026-03-01T03:00:00.000Z', '2026-04-01T03:00:00.000Z', 31],
    ['America/Sao_Paulo', '2018-11-01', '2018-11-01T03:00:00.000Z', '2018-12-01T02:00:00.000Z', 30],
    ['America/Sao_Paulo', '2019-02-01', '2019-02-01T02:00:00.000Z', '2019-03-01T03:00:00.000Z', 28],
  ])(
    'in %s from %s is a month of its days, and each instant is on one side of its ends',
    async (timezone, day, from, to, days) => {
      at('2026-12-01T00:00:00Z')
      const id = `${timezone}-${day}`.replaceAll('/', '-')
      await plan(id, {
        currency: 'USD',
        meters: [PER_MILLION, { meter: 'traces', model: 'flat', flat: '31', zero_usage: 'flat' }],
      })
      // From the second day on: a flat fee is owed for the days that are left.
      const second = `${day.slice(0, 8)}02`
      await subscribe(id, { plan: id, from: '2018-01-01T00:00:00Z', timezone })
      await plan(`${id}-next`, {
        currency: 'USD',
        meters: [PER_MILLION, { meter: 'traces', model: 'flat', flat: '62', zero_usage: 'flat' }],
      })
      const changed = new Date(Date.parse(from) + 86_400_000)
      await subscribe(id, { plan: `${id}-next`, from: changed.toISOString(), timezone })
      const last = new Date(Date.parse(to) - 1)
      for (const [time, tokens] of [
        [new Date(Date.parse(from) - 1), 1_000_000],
        [new Date(from), 2_000_000],
        [last, 4_000_000],
        [new Date(to), 8_000_000],
      ] as const) {
        await use(id, time.toISOString(), tokens)
      }
      const made = await invoice(id, from, to)
      expect(made).toMatchObject({ timezone, period_from: from, period_to: to })
      const tokens = made.lines.filter((line: { meter: string }) => line.meter === 'input_tokens')
      expect(tokens.map((line: { quantity: string }) => line.quantity)).toEqual(['2000000', '4000000'])
      const fees = made.lines
        .filter((line: { meter: string }) => line.meter === 'traces')
        .reduce((sum: number, line: { amount_exact: string }) => sum + Number(line.amount_exact), 0)
      expect(fees, `the first day of ${second.slice(0, 7)} of one plan, the others of the next`).toBeCloseTo(
        (31 * 1 + 62 * (days - 1)) / days,
        9,
      )
    },
  )
})

describe('a customer who goes from a plan in USD to one in EUR', () => {
  test('within a period has an invoice in each, of what was used on each', async () => {
    at('2026-01-01T00:00:00Z')
    await plan('go-usd', { currency: 'USD', meters: [PER_MILLION], minimum: '31' })
    await plan('go-eur', { currency: 'EUR', meters: [PER_MILLION], minimum: '62' })
    await subscribe('mover', { plan: 'go-usd', from: '2026-01-01T00:00:00Z' })
    await subscribe('mover', { plan: 'go-eur', from: '2026-01-11T00:00:00Z' })
    await use('mover', '2026-01-10T23:59:59Z', 8_000_000)
    await use('mover', '2026-01-11T00:00:00Z', 31_000_000)
    at('2026-02-01T00:00:01Z')
    const [from, to] = ['2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z']
    const refused = await api.post('/v1/invoices', { customer: 'mover', period_from: from, period_to: to })
    expect(refused).toMatchObject({ status: 409, body: { detail: expect.stringContaining('EUR and USD') } })
    const run = await api.post('/v1/invoices/run', {})
    expect(run.status).toBe(200)
    const usd = await invoice('mover', from, to, 'USD')
    const eur = await invoice('mover', from, to, 'EUR')
    expect([usd.currency, usd.total, eur.currency, eur.total]).toEqual(['USD', '16.00', 'EUR', '62.00'])
    expect(usd.warnings).toContainEqual({ kind: 'currency_EUR', count: 1, scope: 'customer' })
    expect(usd.lines.map((line: { plan: string }) => line.plan)).toEqual(['go-usd'])
    // Ten days of 31 dollars, 21 of 62 euros: the latter was met by use.
    expect(eur.lines.map((line: { kind: string }) => line.kind)).toEqual(['usage'])
    expect(await auditFinds()).toEqual([])
  })

  test('after a charge that others had a part in: what that leaves stays in its currency', async () => {
    at('2026-01-01T00:00:00Z')
    await plan('vol-usd', { currency: 'USD', meters: [VOLUME], credit_rate: '0.5' })
    await plan('vol-eur', { currency: 'EUR', meters: [PER_MILLION], credit_rate: '0.5' })
    await subscribe('gone', { plan: 'vol-usd', from: '2026-01-01T00:00:00Z' })
    await subscribe('come', { plan: 'vol-eur', from: '2026-01-01T00:00:00Z' })
    const moved = await use('gone', '2026-01-05T00:00:00Z', 900)
    await use('gone', '2026-01-06T00:00:00Z', 600)
    // 9 USD for 900; 1,500 cost 3. Without the 900, 600 cost 6: to take them back costs 3 more.
    at('2026-01-07T00:00:00Z')
    await use('come', '2026-01-05T00:00:00Z', 900, moved, 1)
    const rates = await api.get('/v1/fx?currency=EUR')
    expect(rates.body.data.length).toBeGreaterThan(0)
    const [event] = await eventOf(moved)
    // 900 tokens at 2 EUR a million, worth 1.2 USD each; 0.0027 USD of costs are 0.00225 EUR.
    expect(event).toMatchObject({
      currency: 'EUR',
      price: '0.0018',
      credits: '0.0036',
      cogs: '0.00225',
      other_prices: [{ currency: 'USD', price: '12' }],
    })
    const revisions = await eventOf(moved, '&revisions=all')
    expect(revisions).toMatchObject([
      { revision: 1, currency: 'EUR', price: '0.0018', other_prices: [{ currency: 'USD', price: '3' }] },
      { revision: 0, currency: 'USD', price: '9' },
    ])
    expect(revisions[1].other_prices).toBeUndefined()
    expect(await auditFinds()).toEqual([])
    at('2026-02-01T00:00:01Z')
    const usd = await invoice('gone', '2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z')
    const eur = await invoice('come', '2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z')
    expect([usd.currency, usd.amount_exact, eur.currency, eur.amount_exact]).toEqual([
      'USD',
      '6',
      'EUR',
      '0.0018',
    ])
    expect(await auditFinds()).toEqual([])
  })
})

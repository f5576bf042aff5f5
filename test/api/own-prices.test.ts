import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningApi, startApi } from './start.ts'

let api: RunningApi

beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api.stop())

describe('what makes no sense is refused', () => {
  const price = { model: 'm', meter: 'output', unit_price: '1' }
  test.each<[string, string, object, string]>([
    ['a price below zero', 'prices/overrides/x', { ...price, unit_price: '-1' }, '/unit_price'],
    ['a price beyond sense', 'prices/overrides/x', { ...price, unit_price: '1000000001' }, '/unit_price'],
    ['a price as a number', 'prices/overrides/x', { ...price, unit_price: 1 }, '/unit_price'],
    ['a currency that is none', 'prices/overrides/x', { ...price, currency: 'XXQ' }, '/currency'],
    [
      'an end before the beginning',
      'prices/overrides/x',
      { ...price, effective_from: '2026-02-01T00:00:00Z', effective_to: '2026-01-01T00:00:00Z' },
      '/effective_to',
    ],
    [
      'an end in the past of what begins now',
      'prices/contracts/x',
      { discount_pct: '5', effective_to: '2020-01-01T00:00:00Z' },
      '/effective_to',
    ],
    [
      'hours of no time zone',
      'prices/overrides/x',
      { ...price, schedule: { tz: 'Mars/Olympus', weekdays: [1], from: '00:00', to: '08:00' } },
      '/schedule/tz',
    ],
    [
      'a day that is none',
      'prices/overrides/x',
      { ...price, schedule: { tz: 'UTC', weekdays: [8], from: '00:00', to: '08:00' } },
      '/schedule/weekdays/0',
    ],
    ['a quantity of nothing', 'prices/overrides/x', { ...price, min_quantity: '0' }, '/min_quantity'],
    ['more than everything off', 'prices/contracts/x', { discount_pct: '100.1' }, '/discount_pct'],
    ['less than nothing off', 'prices/contracts/x', { discount_pct: '-3' }, '/discount_pct'],
    ['a price and a discount', 'prices/contracts/x', { ...price, discount_pct: '3' }, '/discount_pct'],
    ['neither', 'prices/contracts/x', { model: 'm' }, '/discount_pct'],
    ['a discount of a tool', 'prices/contracts/x', { tool: 't', discount_pct: '3' }, '/tool'],
    ['a contract’s meter that is none', 'prices/contracts/x', { ...price, meter: 'out*' }, '/meter'],
    ['a rate of zero', 'fx/GBP', { usd: '0.000' }, '/usd'],
    ['a rate below zero', 'fx/GBP', { usd: '-1' }, '/usd'],
    ['a rate beyond sense', 'fx/GBP', { usd: '1000001' }, '/usd'],
    ['a rate of USD', 'fx/USD', { usd: '1' }, '/currency'],
    ['a rate of no currency', 'fx/QQQ', { usd: '1' }, '/currency'],
  ])('%s', async (_, path, body, field) => {
    const answer = await api.put(`/v1/${path}`, body)
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_argument' } })
    expect(answer.body.faults.map((fault: { path: string }) => fault.path)).toContain(field)
  })

  test('two prices of one thing at one instant', async () => {
    const body = {
      model: 'twice',
      meter: 'output',
      unit_price: '1',
      context_from: '200000',
      region: 'eu-west-1',
    }
    expect((await api.put('/v1/prices/overrides/one', body)).status).toBe(201)
    expect((await api.put('/v1/prices/overrides/two', body)).status).toBe(409)
  })
})

import { afterAll, beforeAll, expect, it } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { type Endpoint, startEndpoint } from '../webhooks/endpoint.ts'
import { api, sendJson, traceOf, until } from './client.ts'
import { type AforoProcess, runAforo } from './process.ts'

let database: TestDatabase
let aforo: AforoProcess
let shop: Endpoint

beforeAll(async () => {
  database = await testDatabase()
  shop = await startEndpoint()
  aforo = await runAforo('serve', { DATABASE_URL: database.url })
})
afterAll(async () => {
  await aforo.end('SIGTERM')
  await shop.stop()
  await database.drop()
})

it('grants by the period, debits a trace, and asks a shop for more, which answers once however often it is told', async () => {
  const port = aforo.ports.api!
  const { secret } = (await api(port, 'PUT', '/v1/webhooks/shop', { url: shop.url })) as { secret: string }
  await api(port, 'PUT', '/v1/plans/credits', {
    currency: 'USD',
    credit_rate: '0.01',
    bill_as: 'credits',
    meters: [{ meter: 'input_tokens', model: 'per_unit', unit_price: '4', per: '1000' }],
    grants: [{ name: 'monthly', amount: '500', rollover: { max: '100' } }],
  })
  await api(port, 'PUT', '/v1/customers/acme', {})
  // A period that began a week ago ends in three: none of them ends while the test runs.
  const from = new Date(Date.now() - 7 * 86_400_000)
  const subscription = {
    plan: 'credits',
    from: from.toISOString(),
    anchor_day: Math.min(from.getUTCDate(), 28),
  }
  await api(port, 'PUT', '/v1/customers/acme/subscription', subscription)
  await until(async () => (await balance()) === '500')
  await api(port, 'PUT', '/v1/customers/acme/top-up', { threshold: '200', amount: '1000' })
  // The first attempt fails, and the message comes again.
  shop.answer = (_, response) => {
    shop.answer = (_, again) => void again.end()
    response.writeHead(503).end()
  }
  await sendJson(aforo.ports.otlp_http!, traceOf({ input: 1000 }))
  await until(async () => shop.received[0])
  const told = await until(async () => shop.received[1])
  expect(new Set(shop.received.map(({ id }) => id)).size).toBe(1)
  const { data } = shop.verified(told, secret) as { data: Record<string, string> }
  expect(data).toMatchObject({ customer: 'acme', balance: '100', threshold: '200', amount: '1000' })
  for (let no = 0; no < 2; no++) {
    await fetch(`http://127.0.0.1:${port}/v1/customers/acme/grants`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': told.id },
      body: JSON.stringify({ amount: data.amount, kind: 'paid' }),
    })
  }
  expect(await balance()).toBe('1100')

  async function balance(): Promise<string> {
    return ((await api(port, 'GET', '/v1/customers/acme/balance')) as { balance: string }).balance
  }
})

import { afterAll, beforeAll, expect, it } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { api, sendJson, traceOf, until } from './client.ts'
import { type AforoProcess, runAforo, runCommand } from './process.ts'

interface Entry {
  readonly entry_id: string
  readonly kind: string
  readonly amount: string
  readonly balance: string
  readonly trace_id: string | null
  readonly span_ids: readonly string[]
}

let database: TestDatabase
let aforo: AforoProcess

beforeAll(async () => {
  database = await testDatabase()
  aforo = await runAforo('serve', { DATABASE_URL: database.url })
})
afterAll(async () => {
  await aforo.end('SIGTERM')
  await database.drop()
})

it('debits a trace from the grants, leads from the debit to its spans, and lets what nobody used expire', async () => {
  const port = aforo.ports.api!
  await api(port, 'PUT', '/v1/plans/credits', {
    currency: 'USD',
    credit_rate: '0.01',
    bill_as: 'credits',
    meters: [{ meter: 'input_tokens', model: 'per_unit', unit_price: '4', per: '1000' }],
  })
  await api(port, 'PUT', '/v1/customers/acme', {})
  await api(port, 'PUT', '/v1/customers/acme/subscription', { plan: 'credits', from: '2026-01-01T00:00:00Z' })
  await api(port, 'POST', '/v1/customers/acme/grants', { amount: '1000', kind: 'promo' })
  const trace = traceOf({ input: 1000 })
  await sendJson(aforo.ports.otlp_http!, trace)
  const ledger = async (kind: string) => {
    const { data } = (await api(port, 'GET', '/v1/customers/acme/ledger')) as { data: Entry[] }
    return data.find((entry) => entry.kind === kind)
  }
  const debit = await until(() => ledger('debit'))
  expect(debit).toMatchObject({ amount: '400', balance: '600', trace_id: trace.traceId })
  expect(debit.span_ids).toHaveLength(1)

  const found = JSON.parse(await runCommand(['trace-debit', debit.entry_id], { DATABASE_URL: database.url }))
  expect(found).toMatchObject({
    entry: { customer: 'acme', amount: '400', destination: 'usage' },
    event: { trace_id: trace.traceId, revision: 0 },
    price_lines: [{ meter: 'input_tokens', quantity: '1000', amount: '4' }],
    span_ids: debit.span_ids,
  })
  await expect(runCommand(['trace-debit', 'ent_none'], { DATABASE_URL: database.url })).rejects.toMatchObject(
    { code: 1, stderr: expect.stringContaining('no entry ent_none') },
  )

  // Time enough to be granted on any machine, and nobody uses of it.
  const expires_at = new Date(Date.now() + 5_000).toISOString()
  await api(port, 'POST', '/v1/customers/acme/grants', { amount: '70', kind: 'promo', expires_at })
  expect(await until(() => ledger('expiry'))).toMatchObject({ amount: '70', balance: '600' })
})

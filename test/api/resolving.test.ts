import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NO_TOKENS, type Usage } from '../../core/usage.ts'
import { seedPriceBook } from '../../rating/prices/seed.ts'
import { callOf, noon, spanIdOf, traceIdOf } from '../support/usages.ts'
import { happening } from './happening.ts'
import { type RunningApi, startApi } from './start.ts'

let api: RunningApi

/** A call of which no span tells the usage. */
const SILENT_CALL = { metered: false, buckets: NO_TOKENS } satisfies Partial<Usage>

beforeAll(async () => {
  api = await startApi()
  await seedPriceBook(api.database.pool, noon())
  await api.put('/v1/plans/pro', {
    currency: 'USD',
    meters: [{ meter: 'input_tokens', model: 'per_unit', unit_price: '3', per: '1000000' }],
  })
  await api.put('/v1/customers/acme', {})
  await api.put('/v1/customers/acme/subscription', { plan: 'pro', from: '2026-01-01T00:00:00Z' })
})
afterAll(() => api.stop())

const { happen } = happening(() => api)

const eventOf = async (name: string) => (await api.get(`/v1/events/evt_${traceIdOf(name)}`)).body
const open = async (kind: string) => (await api.get(`/v1/exceptions?kind=${kind}`)).body.data
const resolve = (id: string, body: object) => api.post(`/v1/exceptions/${id}/resolve`, body)

describe('usage stated for a call that tells none', () => {
  test('completes its event, and no other, by a new revision', async () => {
    await happen(callOf('silent', 'call', SILENT_CALL), callOf('other', 'call', SILENT_CALL))
    const [exception] = (await open('unmetered')).filter(
      (row: { trace_id: string }) => row.trace_id === traceIdOf('silent'),
    )
    expect(exception).toMatchObject({
      provider: 'anthropic',
      model: 'claude-sonnet-4-5',
      span_id: spanIdOf('call'),
      reason: 'no_usage',
    })
    expect(await eventOf('silent')).toMatchObject({ revision: 0, status: 'unmetered', unmetered_calls: 1 })

    const usage = { input_tokens: 1000, output_tokens: 100, cache_read_tokens: 400, reasoning_tokens: 60 }
    expect(await resolve(exception.exception_id, { usage, note: 'from the bill' })).toMatchObject({
      status: 200,
    })
    await happen()
    expect(await eventOf('silent')).toMatchObject({
      revision: 1,
      cut_reason: 'completed',
      status: 'rated',
      unmetered_calls: 0,
      usage: {
        input_tokens: '1000',
        output_tokens: '100',
        cache_read_tokens: '400',
        cache_write_tokens: '0',
        reasoning_tokens: '60',
      },
      price: '0.003',
      anomalies: [],
    })
    expect(await eventOf('other')).toMatchObject({ revision: 0, status: 'unmetered' })
    expect((await open('unmetered')).map((row: { trace_id: string }) => row.trace_id)).toEqual([
      traceIdOf('other'),
    ])
  })

  test('gives way to what a span tells later', async () => {
    await happen(callOf('late', 'call', SILENT_CALL))
    const [exception] = await openOf('late')
    await resolve(exception!.exception_id, { usage: { input_tokens: '7', output_tokens: '7' } })
    await happen()
    expect((await eventOf('late')).usage).toMatchObject({ input_tokens: '7' })
    await happen(callOf('late', 'call'))
    expect((await eventOf('late')).usage).toMatchObject({ input_tokens: '100', output_tokens: '20' })
  })

  test('adds up to what was stated, whichever calls of a trace were silent', async () => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ silent: fc.boolean(), tokens: fc.integer({ min: 0, max: 1_000_000 }) }), {
          minLength: 1,
          maxLength: 5,
        }),
        async (calls) => {
          const name = `any ${run++}`
          const usages = calls.map(({ silent, tokens }, no) =>
            callOf(name, `${no}`, {
              serviceInstance: name,
              buckets: { ...NO_TOKENS, inputUncached: tokens },
              ...(silent ? SILENT_CALL : {}),
            }),
          )
          await happen(...usages)
          for (const exception of await openOf(name)) {
            const no = calls.findIndex((_, i) => spanIdOf(`${i}`) === exception.span_id)
            const usage = { input_tokens: calls[no]!.tokens, output_tokens: 0 }
            expect((await resolve(exception.exception_id, { usage })).status).toBe(200)
          }
          await happen()
          const total = calls.reduce((sum, { tokens }) => sum + tokens, 0)
          expect(await eventOf(name)).toMatchObject({
            status: 'rated',
            model_calls: calls.length,
            usage: { input_tokens: `${total}` },
          })
          expect(await openOf(name)).toEqual([])
        },
      ),
      { numRuns: 8 },
    )
  })

  test.each([
    ['cached tokens beyond the input', { input_tokens: 1, output_tokens: 0, cache_read_tokens: 2 }],
    ['reasoning beyond the output', { input_tokens: 1, output_tokens: 0, reasoning_tokens: 1 }],
    ['negative tokens', { input_tokens: -1, output_tokens: 0 }],
    ['tokens that are no number', { input_tokens: '1e3', output_tokens: 0 }],
    ['tokens beyond the bound', { input_tokens: '1000000001', output_tokens: 0 }],
    ['tokens beyond all measure', { input_tokens: 1e10, output_tokens: 0 }],
    ['half a usage', { input_tokens: 1 }],
  ])('is refused with %s', async (_, usage) => {
    const [exception] = await open('unmetered')
    expect((await resolve(exception.exception_id, { usage })).status).toBe(400)
  })

  test('is refused for what is not silent, and together with a customer', async () => {
    await happen(callOf('nobody', 'call', { customer: null, serviceInstance: 'nobody' }))
    const [unattributed] = await open('unattributed')
    const usage = { input_tokens: 1, output_tokens: 1 }
    expect((await resolve(unattributed.exception_id, { usage })).status).toBe(400)
    expect((await resolve(unattributed.exception_id, { usage, customer: 'acme' })).status).toBe(400)
  })
})

async function openOf(name: string): Promise<{ exception_id: string; span_id: string }[]> {
  const rows = await open('unmetered')
  return rows.filter((row: { trace_id: string }) => row.trace_id === traceIdOf(name))
}

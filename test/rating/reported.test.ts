import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { auditAll } from '../../cmd/audit/run.ts'
import { reportLines } from '../../cmd/audit.ts'
import { NO_TOKENS, type Usage } from '../../core/usage.ts'
import { seedPriceBook } from '../../rating/prices/seed.ts'
import { happening } from '../api/happening.ts'
import { type RunningApi, startApi } from '../api/start.ts'
import { callOf, NOON_NANO, noon, traceIdOf } from '../support/usages.ts'

let api: RunningApi

beforeAll(async () => {
  api = await startApi()
  await seedPriceBook(api.database.pool, noon())
  await api.put('/v1/plans/pro', {
    currency: 'USD',
    meters: [{ meter: 'cogs', model: 'cost_plus', markup_pct: '100' }],
  })
  await api.put('/v1/customers/acme', {})
  await api.put('/v1/customers/acme/subscription', { plan: 'pro', from: '2026-01-01T00:00:00Z' })
})
afterAll(() => api.stop())

const { happen, instant } = happening(() => api)

const eventOf = async (name: string) => (await api.get(`/v1/events/evt_${traceIdOf(name)}`)).body
const driftOf = async (name: string, resolved = 'false') => {
  const { body } = await api.get(`/v1/exceptions?kind=cost_drift&resolved=${resolved}`)
  return body.data.filter((row: { trace_id: string }) => row.trace_id === traceIdOf(name))
}

/** claude-sonnet-4-5 at 3 and 15 USD per million: 1,000 and 100 tokens are computed as 0.0045 USD. */
const call = (trace: string, span: string, reportedCost: string | null, fields: Partial<Usage> = {}): Usage =>
  callOf(trace, span, {
    buckets: { ...NO_TOKENS, inputUncached: 1000, outputText: 100 },
    reportedCost,
    ...fields,
  })

describe('a cost that spans report', () => {
  test('is kept beside the computed one, which is COGS', async () => {
    await happen(call('near', '1', '0.00451'), call('near', '2', null))
    expect(await eventOf('near')).toMatchObject({
      cogs: '0.009',
      cogs_reported: '0.00451',
      cogs_computed: '0.0045',
      price: '0.018',
    })
    expect(await driftOf('near')).toEqual([])
  })

  test('is listed where it drifts by more than half a percent, with model and span, until it no longer does', async () => {
    await happen(call('far', '1', '0.0046'))
    expect(await driftOf('far')).toMatchObject([
      { model: 'claude-sonnet-4-5', provider: 'anthropic', reason: 'reported_above' },
    ])
    const [{ span_id }] = await driftOf('far')
    expect((await eventOf('far')).anomalies).toEqual([
      { kind: 'cost_drift', span_id, reason: 'reported_above' },
    ])
    // A second call makes up for it: the drift is of all calls of a model.
    await happen(call('far', '2', '0.0044'))
    expect(await driftOf('far')).toEqual([])
    expect(await driftOf('far', 'true')).toHaveLength(1)
    expect(await eventOf('far')).toMatchObject({
      cogs: '0.009',
      cogs_reported: '0.009',
      cogs_computed: '0.009',
    })
  })

  test('is none beyond sense, and digits beyond those of money leave no gap', async () => {
    await happen(call('absurd', '1', `1${'0'.repeat(60)}`), call('dust', '1', `0.0045${'0'.repeat(30)}1`))
    expect(await eventOf('absurd')).toMatchObject({ status: 'rated', cogs: '0.0045' })
    expect(await eventOf('dust')).toMatchObject({ status: 'rated', cogs: '0.0045', cogs_reported: '0.0045' })
    const scope = { tenantId: null, from: '-infinity', to: 'infinity' }
    const lines = reportLines(await auditAll(api.database.url, scope, instant()))
    expect(lines.filter((line) => line.startsWith('gap'))).toEqual([])
  })

  test('may be rounded to a millionth', async () => {
    const few = { buckets: { ...NO_TOKENS, inputUncached: 1 } }
    await happen(call('tiny', '1', '0.000003', few), call('tinier', '1', '0.000004', few))
    expect(await driftOf('tiny')).toEqual([])
    expect(await driftOf('tinier')).toHaveLength(1)
  })

  test('is COGS where that was decided for the provider, from then on', async () => {
    await happen(call('before', '1', '0.005'))
    await api.put('/v1/providers/anthropic', { cogs: 'reported' })
    await happen(call('before', '2', null))
    expect(await eventOf('before'), 'what was booked stays').toMatchObject({
      cogs: '0.009',
      cogs_reported: '0.005',
    })

    await happen(call('after', '1', '0.005'), call('after', '2', null))
    expect(await eventOf('after')).toMatchObject({
      cogs: '0.0095',
      cogs_reported: '0.005',
      cogs_computed: '0.0045',
      price: '0.019',
    })
    const { rows } = await api.database.pool.query(
      `select amount::text, quantity::text from aforo_store.cost_lines where meter = 'reported' and event_id = $1`,
      [`evt_${traceIdOf('after')}`],
    )
    expect(rows).toEqual([{ amount: '0.005000000000000000', quantity: '5000.000000000' }])
  })

  test('prices a model that no row of the price book knows', async () => {
    const unknown = { requestModel: 'model-of-tomorrow', responseModel: 'model-of-tomorrow' }
    await happen(call('unknown', '1', '0.0123456789', unknown))
    expect(await eventOf('unknown')).toMatchObject({ status: 'rated', cogs: '0.0123456789', anomalies: [] })
    await api.put('/v1/providers/anthropic', { cogs: 'computed' })
    await happen(call('unknown', '2', '0.01', unknown))
    expect(await eventOf('unknown'), 'what was booked stays').toMatchObject({
      status: 'unpriced',
      cogs: null,
      cogs_known: '0.0123456789',
    })
  })

  test('adds up over revisions to what the calls report in the end', async () => {
    await api.put('/v1/providers/anthropic', { cogs: 'reported' })
    const at = (ms: number) => ({ endNano: NOON_NANO + BigInt(ms) * 1_000_000n })
    await happen(call('told', '1', '0.004', at(500)))
    await happen(call('told', '1', '0.006', at(600)))
    expect(await eventOf('told')).toMatchObject({
      revision: 1,
      cogs: '0.006',
      cogs_reported: '0.006',
      price: '0.012',
    })
    await api.put('/v1/providers/anthropic', { cogs: 'computed' })
  })
})

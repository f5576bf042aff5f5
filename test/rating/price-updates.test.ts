import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NO_TOKENS } from '../../core/usage.ts'
import { bundledCatalogue, seedPriceBook } from '../../rating/prices/seed.ts'
import { approveProposal, rejectProposal } from '../../rating/prices/updates/decide.ts'
import { createRater } from '../../rating/rater.ts'
import { transaction } from '../../schema/pool.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { assemblyOf, modelCall, storeCustomer, storeEvent, traceIdOf } from './events.ts'
import { bookPrice, importText, priceRow, proposals, rowFile } from './price-catalogues.ts'

const DAY = 86_400_000
const NOON = new Date('2026-11-23T12:00:00.000Z')
const days = (count: number) => new Date(NOON.getTime() + count * DAY)

let db: TestDatabase
beforeEach(async () => {
  db = await testDatabase()
})
afterEach(() => db.drop())

const approve = (proposalId: string, now: Date) =>
  transaction(db.pool, (client) => approveProposal(client, { proposalId, by: 'ada', reason: 'checked' }, now))
const reject = (proposalId: string, now: Date) =>
  transaction(db.pool, (client) => rejectProposal(client, { proposalId, by: 'ada', reason: 'no' }, now))

/** A book with one model at 3 and 15, approved as a person would. */
async function bookOf(...rows: Record<string, unknown>[]): Promise<void> {
  const prices = [priceRow(), priceRow({ meter: 'output', unit_price: '15' }), ...rows]
  await importText(db.pool, rowFile(prices), days(-40))
  for (const { id } of await proposals(db.pool)) await approve(id, days(-40))
}
const withInput = (price: string, of: Record<string, unknown> = {}) => [
  priceRow({ unit_price: price, ...of }),
  priceRow({ meter: 'output', unit_price: '15' }),
]

describe('a pull', () => {
  test('takes a small change in, from now on; the same again proposes nothing', async () => {
    await bookOf()
    const report = await importText(db.pool, rowFile(withInput('3.6')), NOON)
    expect(report).toMatchObject({ accepted: 1, held: 0, refused: [] })
    expect(await bookPrice(db.pool, new Date(NOON.getTime() - 1))).toBe('3')
    expect(await bookPrice(db.pool, NOON)).toBe('3.6')
    expect(await importText(db.pool, rowFile(withInput('3.6')), days(1))).toMatchObject({
      accepted: 0,
      held: 0,
    })
    const { rows } = await db.pool.query(
      `select source_digest = $1 as told from aforo_store.price_rows where unit_price = 3.6`,
      [report.source_digest],
    )
    expect(rows).toEqual([{ told: true }])
  })

  test.each([
    ['a change of more than 30%', '4', undefined, ['large_change']],
    [
      'one that the second catalogue does not know of',
      '3.6',
      { 'acme/m-1': { litellm_provider: 'acme', input_cost_per_token: 3e-6, output_cost_per_token: 15e-6 } },
      ['second_catalogue_disagrees'],
    ],
    [
      'one that it agrees with',
      '3.6',
      {
        'acme/m-1': { litellm_provider: 'acme', input_cost_per_token: 3.6e-6, output_cost_per_token: 15e-6 },
      },
      [],
    ],
    [
      'one that it is silent of',
      '3.6',
      { 'acme/m-2': { litellm_provider: 'acme', input_cost_per_token: 1e-6 } },
      [],
    ],
  ])('judges %s', async (_, price, second, held) => {
    await bookOf()
    await importText(db.pool, rowFile(withInput(price)), NOON, { second })
    const newest = (await proposals(db.pool)).at(-1)
    expect(newest).toMatchObject({ held, decision: held.length === 0 ? 'accepted' : null })
    expect(await bookPrice(db.pool, NOON)).toBe(held.length === 0 ? price : '3')
  })

  test('holds a new model, an old price for the past, and what is missing, and takes in what is approved', async () => {
    await bookOf(priceRow({ model: 'm-2' }))
    const dated = [
      priceRow({ effective_to: days(-10).toISOString() }),
      priceRow({ unit_price: '2.5', effective_from: days(-10).toISOString() }),
    ]
    const file = [...dated, priceRow({ meter: 'output', unit_price: '15' }), priceRow({ model: 'm-3' })]
    expect(await importText(db.pool, rowFile(file), NOON)).toMatchObject({ accepted: 1, held: 3 })
    const held = (await proposals(db.pool)).filter(({ decision }) => decision === null)
    expect(held.map(({ kind, model }) => `${kind} ${model}`).sort()).toEqual([
      'back_dated m-1',
      'new_model m-3',
      'upstream_missing m-2',
    ])
    expect([await bookPrice(db.pool, days(-1)), await bookPrice(db.pool, NOON)]).toEqual(['3', '2.5'])
    for (const { id } of held) await approve(id, days(1))
    expect([await bookPrice(db.pool, days(-11)), await bookPrice(db.pool, days(-10))]).toEqual(['3', '2.5'])
    expect(await bookPrice(db.pool, days(-100), 'm-3')).toBe('3')
    expect(await bookPrice(db.pool, days(2), 'm-2'), 'what is missing stays').toBe('3')
    expect(await importText(db.pool, rowFile(file), days(2))).toMatchObject({ accepted: 0, held: 0 })
  })

  test('does not ask twice: an open proposal stands, a rejected one is not made again, one that is gone is closed', async () => {
    await bookOf()
    await importText(db.pool, rowFile(withInput('6')), NOON)
    expect(await importText(db.pool, rowFile(withInput('6')), days(1))).toMatchObject({
      held: 0,
      superseded: 0,
    })
    expect(await importText(db.pool, rowFile(withInput('7')), days(2))).toMatchObject({
      held: 1,
      superseded: 1,
    })
    await reject((await proposals(db.pool)).at(-1)!.id, days(3))
    expect(await importText(db.pool, rowFile(withInput('7')), days(4))).toMatchObject({
      held: 0,
      superseded: 0,
    })
    expect(await bookPrice(db.pool, days(5))).toBe('3')
  })

  test('leaves a proposal be where a file that is not complete does not speak of its prices', async () => {
    await bookOf()
    const partly = (...rows: Record<string, unknown>[]) => importText(db.pool, rowFile(rows, false), NOON)
    expect(await partly(priceRow({ model: 'm-2' }))).toMatchObject({ held: 1, superseded: 0 })
    const output = priceRow({ model: 'm-2', meter: 'output', unit_price: '15' })
    expect(await partly(output)).toMatchObject({ held: 1, superseded: 0 })
    const open = (await proposals(db.pool)).filter(({ decision }) => decision === null)
    for (const { id } of open) await approve(id, days(1))
    const prices = [
      await bookPrice(db.pool, days(2), 'm-2'),
      await bookPrice(db.pool, days(2), 'm-2', 'output'),
    ]
    expect(prices).toEqual(['3', '15'])
    expect(await partly(priceRow({ model: 'm-3' }), priceRow({ model: 'm-4' }))).toMatchObject({ held: 2 })
    expect(await partly(priceRow({ model: 'm-3', unit_price: '4' }))).toMatchObject({
      held: 1,
      superseded: 1,
    })
  })

  test('announces a price, and the announcement is taken back before it begins, by the catalogue or by hand', async () => {
    await bookOf()
    const announced = [
      ...withInput('3', { effective_to: days(9).toISOString() }),
      priceRow({ unit_price: '3.3', effective_from: days(9).toISOString() }),
    ]
    await importText(db.pool, rowFile(announced), NOON)
    expect([await bookPrice(db.pool, days(8)), await bookPrice(db.pool, days(9))]).toEqual(['3', '3.3'])
    expect(await importText(db.pool, rowFile(withInput('3')), days(1), { allowFewer: true })).toMatchObject({
      accepted: 1,
    })
    expect((await proposals(db.pool)).at(-1)).toMatchObject({ kind: 'revocation', decision: 'accepted' })
    expect(await bookPrice(db.pool, days(9))).toBe('3')

    await importText(db.pool, rowFile(announced), days(2))
    const { id } = (await proposals(db.pool)).at(-1)!
    expect(await bookPrice(db.pool, days(9))).toBe('3.3')
    await reject(id, days(3))
    expect((await proposals(db.pool)).at(-1)!.decision).toBe('revoked')
    expect([await bookPrice(db.pool, days(8)), await bookPrice(db.pool, days(9))]).toEqual(['3', '3'])
    await expect(reject(id, days(4))).rejects.toMatchObject({ code: 'conflict' })
  })

  test('that began is not taken back', async () => {
    await bookOf()
    await importText(db.pool, rowFile(withInput('3.6')), NOON)
    const { id } = (await proposals(db.pool)).at(-1)!
    await expect(reject(id, days(1))).rejects.toMatchObject({ code: 'conflict' })
  })
})

test('an approved model completes exactly the events that waited for it', async () => {
  const rater = createRater(db)
  await storeCustomer(db.pool, 'acme')
  const of = { provider: 'acme', requestModel: null, buckets: { ...NO_TOKENS, inputUncached: 10 } }
  for (const [no, model] of [
    [1, 'm-7'],
    [2, 'm-8'],
  ] as const) {
    await storeEvent(db.pool, {
      traceNo: no,
      customer: 'acme',
      assembly: assemblyOf({ calls: [modelCall(no, { ...of, model })] }),
    })
    await db.pool.query(
      `insert into aforo_store.traces (tenant_id, trace_id, first_received_at, last_received_at, time_from, time_to,
         root_ended, has_usage, span_count, opened_at, open_span_count, event_time, revision)
       values ('default', $1, $2, $2, $2, $2, true, true, 1, $2, 0, $2, 0)`,
      [Buffer.from(traceIdOf(no), 'hex'), NOON],
    )
  }
  await rater.rate(NOON)
  await importText(db.pool, rowFile([priceRow({ model: 'm-7' })]), days(1))
  await approve((await proposals(db.pool)).at(-1)!.id, days(2))
  const { rows } = await db.pool.query(
    `select encode(trace_id, 'hex') as trace from aforo_store.traces where completed`,
  )
  expect(rows).toEqual([{ trace: traceIdOf(1) }])
})

describe('several at once', () => {
  test('two pulls propose once, and take in once', async () => {
    await bookOf()
    const file = rowFile([...withInput('3.6'), priceRow({ model: 'm-9' })])
    const reports = await Promise.all([1, 2, 3].map(() => importText(db.pool, file, NOON)))
    expect(reports.map(({ accepted, held }) => accepted + held).sort()).toEqual([0, 0, 2])
    const { rows } = await db.pool.query(
      `select count(*)::int as count from aforo_store.price_rows where unit_price = 3.6`,
    )
    expect(rows).toEqual([{ count: 1 }])
  })

  test('of two approvals one is told that it is decided', async () => {
    await bookOf()
    await importText(db.pool, rowFile(withInput('6')), NOON)
    const { id } = (await proposals(db.pool)).at(-1)!
    const ends = await Promise.allSettled([approve(id, days(1)), approve(id, days(1)), reject(id, days(1))])
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const end of ends)
      if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'conflict' })
    const { rows } = await db.pool.query(
      'select count(*)::int as count from aforo_store.price_decisions where proposal_id = $1',
      [id],
    )
    expect(rows).toEqual([{ count: 1 }])
  })
})

describe('a whole catalogue', () => {
  test('as it is bundled proposes nothing, and a bundled one does not undo what was pulled', async () => {
    const providers = await bundledCatalogue()
    const text = (price: number) =>
      JSON.stringify(
        providers.map((provider) => ({
          ...provider,
          models: provider.models
            .filter((model) => Object.keys(model.prices).length > 0)
            .map((model) =>
              provider.id === 'openai' && model.id === 'gpt-4o'
                ? { ...model, prices: { ...model.prices, input_mtok: price } }
                : model,
            ),
        })),
      )
    await seedPriceBook(db.pool, days(-40))
    expect(await importText(db.pool, text(2.5), NOON)).toMatchObject({ accepted: 0, held: 0, refused: [] })
    const report = await importText(db.pool, text(2.6), days(1))
    expect(report).toMatchObject({ accepted: 2, held: 0 })
    await db.pool.query(`delete from aforo_store.meta where key = 'price_book_digest'`)
    expect(await seedPriceBook(db.pool, days(2))).toEqual({ added: 0 })
    const { rows } = await db.pool.query(
      `select trim_scale(unit_price)::text as price, service_tier as tier from aforo_store.price_rows
       where provider = 'openai' and model = 'gpt-4o' and meter = 'input_uncached' and region = '' and retracted_at is null
         and effective_to is null order by 1`,
    )
    expect(rows).toEqual([
      { price: '1.3', tier: 'batch' },
      { price: '2.6', tier: 'standard' },
      { price: '4.42', tier: 'priority' },
    ])
  })
})

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Context } from '../../cmd/context.ts'
import { startScheduledPull } from '../../cmd/prices/scheduled-pull.ts'
import { readConfig } from '../../core/config.ts'
import { eventIdOf } from '../../core/ids.ts'
import { SILENT } from '../../core/log.ts'
import { PROPOSALS_MAX } from '../../rating/prices/updates/compare.ts'
import { approveProposal } from '../../rating/prices/updates/decide.ts'
import { pullDue } from '../../rating/prices/updates/pull.ts'
import { transaction } from '../../schema/pool.ts'
import { openBooks } from '../audit/books.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { callOf, noon, traceIdOf } from '../support/usages.ts'
import { booksOf, openExceptions } from './books.ts'
import { storeCustomer, storePlan } from './events.ts'
import { importText, priceRow, proposals, rowFile } from './price-catalogues.ts'

const HOUR = 3_600

let db: TestDatabase
let folder: string
let source: string
beforeEach(async () => {
  db = await testDatabase()
  folder = await mkdtemp(join(tmpdir(), 'aforo-pulls-'))
  source = join(folder, 'data.json')
  await writeFile(source, rowFile([priceRow()]))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
  await db.drop()
})

const due = (seconds: number) => pullDue(db.pool, { source, against: '' }, 24, noon(seconds))
const looks = async () =>
  (await db.pool.query('select count(*)::int as count from aforo_store.price_imports')).rows[0].count

describe('a pull by the hours', () => {
  test('is due once in so many hours, by the clock that it is told', async () => {
    expect(await due(0)).toMatchObject({ rows: 1, held: 1 })
    for (const seconds of [1, HOUR, 24 * HOUR - 1]) expect(await due(seconds)).toBeNull()
    expect(await looks()).toBe(1)
    expect(await due(24 * HOUR)).toMatchObject({ rows: 1, held: 0 })
    expect(await looks()).toBe(2)
  })

  test('of another source is due by itself, and a look by hand counts for its source', async () => {
    await importText(db.pool, rowFile([priceRow()]), noon(0), { name: 'elsewhere.json' })
    expect(await due(HOUR)).not.toBeNull()
    await importText(db.pool, rowFile([priceRow()]), noon(40 * HOUR), { name: source })
    expect(await due(41 * HOUR)).toBeNull()
  })

  test('that finds nothing to read, or nothing to believe, leaves nothing and is due again', async () => {
    const rows = Array.from({ length: 100 }, (_, no) => priceRow({ model: `m-${no}` }))
    await writeFile(source, rowFile(rows))
    await due(0)
    await writeFile(source, rowFile(rows.slice(50)))
    await expect(due(25 * HOUR), 'it has lost half of its rows').rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('has 50 prices where it had 100'),
    })
    await rm(source)
    await expect(due(26 * HOUR)).rejects.toMatchObject({ code: 'not_found' })
    expect(await looks()).toBe(1)
    expect((await proposals(db.pool)).length).toBe(100)
    await writeFile(source, rowFile(rows))
    expect(await due(27 * HOUR)).toMatchObject({ held: 0, superseded: 0 })
  })

  test('is made by the ticker of the rater, and by none where the settings want none', async () => {
    const context = (hours: string): Context => {
      const config = readConfig({ AFORO_PRICE_SOURCE: source, AFORO_PRICE_PULL_HOURS: hours })
      return { config, pool: db.pool, log: SILENT } as Context
    }
    expect(startScheduledPull(context('0'))).toBeNull()
    const ticker = startScheduledPull(context('6'))
    await expect.poll(looks).toBe(1)
    await ticker!.stop()
  })
})

test('an import may change 20,000 models, and one that would change more changes none', async () => {
  const rows = Array.from({ length: PROPOSALS_MAX + 1 }, (_, no) => priceRow({ model: `m-${no}` }))
  await expect(importText(db.pool, rowFile(rows), noon(0))).rejects.toMatchObject({
    code: 'invalid_argument',
    message: 'test.json would change 20001 models, more than 20000',
  })
  expect(await looks()).toBe(0)
  expect(await importText(db.pool, rowFile(rows.slice(1)), noon(1))).toMatchObject({ held: 20_000 })
})

test('the first file of a source that lacks long contexts and half the models of its providers changes no price', async () => {
  const models = Array.from({ length: 100 }, (_, no) => priceRow({ model: `m-${no}` }))
  const long = priceRow({ model: 'm-0', context_from: '200000', unit_price: '3.3' })
  await importText(db.pool, rowFile([...models, long]), noon(0))
  for (const { id } of await proposals(db.pool)) {
    await transaction(db.pool, (client) =>
      approveProposal(client, { proposalId: id, by: 'ada', reason: null }, noon(0)),
    )
  }
  const known = (await proposals(db.pool)).length
  const half = [...models.filter((_, no) => no % 2 === 0), priceRow({ provider: 'other' })]
  const read = (rows: readonly unknown[], of = {}) =>
    importText(db.pool, rowFile(rows), noon(HOUR), { name: 'another.json', ...of })
  await expect(read(half)).rejects.toMatchObject({
    code: 'invalid_argument',
    message: expect.stringContaining('lacks 51 of 101 prices that the book has of the providers it names'),
  })
  expect(await proposals(db.pool)).toHaveLength(known)
  // Two of 101 may go; of a provider that nobody knows a file may be as short as it likes.
  expect((await read(models.slice(0, 99))).accepted, 'the base price of all contexts').toBe(1)
  expect(await read([priceRow({ provider: 'other' })], { name: 'third.json' })).toMatchObject({ held: 1 })
  expect(await read(half, { name: 'fourth.json', allowFewer: true })).toMatchObject({ refused: [] })
})

test('a model that is approved completes what waited for it, through another cut and rating, exactly', async () => {
  await storePlan(db.pool, 'team', {
    currency: 'USD',
    meters: [{ meter: 'cogs', model: 'cost_plus', markup_pct: '50' }],
  })
  await storeCustomer(db.pool, 'acme', 'team')
  const books = openBooks(db.pool)
  const of = (model: string) => ({ provider: 'acme', requestModel: model, responseModel: model })
  await books.push(0, callOf('m-7', 'root', of('m-7')), callOf('m-8', 'root', of('m-8')))
  await books.cut(2)
  await books.rate(2)
  const event = (name: string) => booksOf(db.pool, eventIdOf(traceIdOf(name)))
  const before = await event('m-8')
  expect(before).toMatchObject({ cost_lines: null, status: 'unpriced' })
  const file = rowFile([
    priceRow({ model: 'm-7', unit_price: '3.1' }),
    priceRow({ model: 'm-7', meter: 'output', unit_price: '15' }),
  ])
  await importText(db.pool, file, noon(10))
  const order = { proposalId: (await proposals(db.pool))[0]!.id, by: 'ada', reason: null }
  await transaction(db.pool, (client) => approveProposal(client, order, noon(20)))
  for (const seconds of [30, 40]) {
    await books.cut(seconds)
    await books.rate(seconds)
  }
  // 100 × 3.1 / 10⁶ + 20 × 15 / 10⁶, and half of it on top.
  expect(await event('m-7')).toMatchObject({ cogs: '0.00061', price: '0.000915', status: 'rated' })
  expect(await event('m-8')).toEqual(before)
  expect(await openExceptions(db.pool)).toHaveLength(1)
})

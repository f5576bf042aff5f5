import { type IncomingMessage, get as request } from 'node:http'
import { createGunzip } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { EXPORTS_MAX, openExport } from '../../api/exports/export.ts'
import { headOf, linesOf } from '../../api/exports/format.ts'
import { EXPORT_NAMES, EXPORTS } from '../../api/exports/kinds.ts'
import { fillBooks } from '../audit/books.ts'
import { storeCustomer } from '../rating/events.ts'
import { type RunningApi, startApi } from './start.ts'

let api: RunningApi

beforeAll(async () => {
  api = await startApi()
  const { pool } = api.database
  api.clock = new Date('2026-12-02T12:00:00Z')
  await fillBooks(pool)
  await storeCustomer(pool, '=cmd|calc')
  await api.post('/v1/customers/acme/grants', { amount: '12.5', kind: 'paid' })
  const month = { period_from: '2026-11-01T00:00:00Z', period_to: '2026-12-01T00:00:00Z' }
  const made = await api.post('/v1/invoices', { customer: 'globex', ...month })
  expect(made.status).toBe(201)
})
afterAll(() => api.stop())

const jsonLines = async (path: string) => {
  const answer = await fetch(api.url + path, { headers: { accept: 'application/x-ndjson' } })
  expect(answer.status).toBe(200)
  return (await answer.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string | null>)
}
const sum = async (sql: string) => (await api.database.pool.query(sql)).rows[0]
const scaled = (text: string | null) =>
  BigInt(((text ?? '0').split('.')[0] ?? '0') + ((text ?? '0').split('.')[1] ?? '').padEnd(18, '0'))
const sumOf = (rows: readonly Record<string, string | null>[], field: string) =>
  rows.reduce((total, row) => total + scaled(row[field]!), 0n)

describe('each kind', () => {
  test.each(EXPORT_NAMES)('%s is the same rows in CSV and JSON lines', async (name) => {
    const rows = await jsonLines(`/v1/exports/${name}`)
    expect(rows.length).toBeGreaterThan(0)
    const { body, type, headers } = await api.get(`/v1/exports/${name}`)
    expect(type).toMatch(/^text\/csv/)
    expect(headers.get('content-disposition')).toBe(`attachment; filename="${name}.csv"`)
    const lines = (body as string).split('\r\n')
    expect(lines[0]).toBe(EXPORTS[name].columns.map((column) => column.name).join(','))
    expect(lines.at(-1)).toBe('')
    const [first] = rows
    expect(lines[1]).toBe(
      Object.values(first!)
        .map((value) => value ?? '')
        .join(','),
    )
    expect(lines).toHaveLength(rows.length + 2)
  })

  test('holds everything, to the last digit', async () => {
    const usage = await jsonLines('/v1/exports/usage')
    const lines = await sum(
      'select count(*), sum(cogs)::text as cogs, sum(price)::text as price from aforo_store.event_lines',
    )
    expect(usage).toHaveLength(Number(lines.count))
    expect([sumOf(usage, 'cogs_known'), sumOf(usage, 'price_known')]).toEqual([
      scaled(lines.cogs),
      scaled(lines.price),
    ])
    const events = await jsonLines('/v1/exports/events')
    const ratings = await sum(
      `select (select count(distinct event_id) from aforo_store.events) as count, sum(cogs)::text as cogs,
         sum(price)::text as price from aforo_store.ratings`,
    )
    expect(events).toHaveLength(Number(ratings.count))
    expect([sumOf(events, 'cogs_known'), sumOf(events, 'price_known')]).toEqual([
      scaled(ratings.cogs),
      scaled(ratings.price),
    ])
    const unpriced = events.filter(({ status }) => status === 'unpriced')
    expect(unpriced.map(({ cogs, margin }) => [cogs, margin])).toEqual(unpriced.map(() => [null, null]))
    expect(events.find(({ status }) => status === 'pending')).toMatchObject({ cogs: null, price: null })
    const [invoice] = await jsonLines('/v1/exports/invoices')
    expect(invoice).toMatchObject({
      customer: 'globex',
      status: 'draft',
      number: null,
      total: expect.stringMatching(/[1-9]/),
    })
    const billed = await jsonLines('/v1/exports/invoice_lines')
    expect(sumOf(billed, 'amount')).toBe(scaled(invoice!.subtotal!))
    expect(sumOf(billed, 'amount_exact')).toBe(scaled(invoice!.amount_exact!))
    const ledger = await jsonLines('/v1/exports/ledger')
    expect(ledger.find(({ customer, kind }) => customer === 'acme' && kind === 'grant')).toMatchObject({
      amount: '12.5',
      change: '12.5',
      balance: '12.5',
    })
  })

  test('leaves the cost of each line empty that a model without a price has, and of no other', async () => {
    const usage = await jsonLines('/v1/exports/usage')
    const own = usage.filter(({ model }) => model === 'own-1')
    const told = own.map(({ part, revision, cogs, cogs_known }) => [part, revision, cogs, cogs_known])
    const [unknown, later] = [
      [
        ['output', '0', null, '0'],
        ['prompt', '0', null, '0'],
      ],
      told.filter(([, revision]) => revision !== '0'),
    ]
    expect(told.filter(([, revision]) => revision === '0')).toEqual([...unknown, ...unknown])
    expect(later.map(([, , cogs]) => cogs)).toEqual(later.map(([, , , known]) => known))
    const priced = usage.filter(({ cogs }) => cogs !== null)
    expect(priced.map(({ cogs }) => cogs)).toEqual(priced.map((row) => row.cogs_known))
    expect(sumOf(priced, 'cogs')).toBeGreaterThan(0n)
  })

  test('is cut to a span of time and a customer', async () => {
    const all = await jsonLines('/v1/exports/events')
    const globex = await jsonLines('/v1/exports/events?customer=globex')
    expect(globex).toEqual(all.filter(({ customer }) => customer === 'globex'))
    expect(globex.length).toBeGreaterThan(0)
    const { body } = await api.get('/v1/exports/events?to=2026-11-23T00:00:00Z')
    expect((body as string).split('\r\n')).toHaveLength(2)
  })
})

test.each([
  ['/v1/exports/nothing', {}, 404],
  ['/v1/exports/usage?form=x', {}, 400],
  ['/v1/exports/usage?from=yesterday', {}, 400],
  ['/v1/exports/usage', { accept: 'image/png' }, 400],
])('%s is refused', async (path, headers, status) => {
  expect((await api.get(path, headers)).status).toBe(status)
})

test('values are quoted by RFC 4180, and a spreadsheet finds no formula in what others wrote', () => {
  const columns = [
    { name: 'who', type: 'text', value: '' },
    { name: 'amount', type: 'number', value: '' },
  ] as const
  const row = (who: string | null, amount: string | null) => ({ who, amount })
  const rows = [
    row('a,b', '-1.5'),
    row('say "x"\r\ny', null),
    row('=cmd|calc', '0'),
    row('+1', '0'),
    row('-x', '0'),
    row('@x', '0'),
    row('\tx', '0'),
    row('＝1', '0'),
    row(null, '1'),
  ]
  expect(headOf('csv', columns) + linesOf('csv', columns, rows)).toBe(
    [
      'who,amount',
      '"a,b",-1.5',
      '"say ""x""\r\ny",',
      `'=cmd|calc,0`,
      `'+1,0`,
      `'-x,0`,
      `'@x,0`,
      `'\tx,0`,
      `'＝1,0`,
      ',1',
      '',
    ].join('\r\n'),
  )
  expect(linesOf('jsonl', columns, rows.slice(2, 3))).toBe('{"who":"=cmd|calc","amount":"0"}\n')
})

describe('of many rows', () => {
  const ROWS = 60_000
  beforeAll(async () => {
    await api.database.pool.query(
      `insert into aforo_store.event_lines
       select 'big', 'evt_' || no, 0, 0, timestamptz '2026-01-01' + no * interval '1 second', 'acme', null, repeat('x', 200),
         'prompt', 'p', 'm', null, 'token', no, 1, 0, 0.5, 1 from generate_series(1, $1) no`,
      [ROWS],
    )
  })
  const ask = (headers: Record<string, string> = {}) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      request(
        `${api.url}/v1/exports/usage`,
        { headers: { 'x-aforo-tenant': 'big', ...headers } },
        resolve,
      ).on('error', reject)
    })
  const inTransaction = async () => {
    const { rows } = await api.database.pool.query<{ count: number }>(
      `select count(*)::integer as count from pg_stat_activity
       where datname = current_database() and state like 'idle in transaction%' and query like 'fetch%'`,
    )
    return rows[0]!.count
  }

  test('comes whole and in order, gzipped where that is asked for', async () => {
    const answer = await ask({ 'accept-encoding': 'gzip', accept: 'application/x-ndjson' })
    expect(answer.headers['content-encoding']).toBe('gzip')
    let text = ''
    for await (const chunk of answer.pipe(createGunzip())) text += chunk
    const lines = text.trimEnd().split('\n')
    expect(lines).toHaveLength(ROWS)
    expect(JSON.parse(lines[41]!)).toMatchObject({ event_id: 'evt_42', quantity: '42' })
  })

  test('is read no faster than it is taken, and ends with its client', async () => {
    const answer = await ask()
    answer.pause()
    await expect.poll(inTransaction).toBe(1)
    // Another one reads all of it meanwhile.
    for await (const _ of await ask());
    expect(await inTransaction(), 'it waits, with rows left').toBe(1)
    answer.destroy()
    await expect.poll(inTransaction).toBe(0)
  })

  test('is given up when nobody takes it, and one more than there may be is put off', async () => {
    const { pool } = api.database
    const order = {
      tenantId: 'big',
      name: 'usage',
      format: 'csv',
      from: null,
      to: null,
      customer: null,
    } as const
    const heard = new AbortController()
    // One that ended just now may still be on its way out.
    const opened = (stallMs?: number) =>
      vi.waitFor(() => openExport(pool, order, heard.signal, stallMs), { timeout: 60_000 })
    const open = await Promise.all(Array.from({ length: EXPORTS_MAX }, () => opened()))
    await expect(openExport(pool, order, heard.signal)).rejects.toMatchObject({ code: 'unavailable' })
    for (const stream of open) stream.destroy()
    const left = await opened(100)
    const end = new Promise((resolve) => left.once('error', resolve))
    left.read()
    expect(await end).toMatchObject({ name: 'AbortError' })
    await expect.poll(inTransaction).toBe(0)
    const again = await opened()
    again.destroy()
    await expect.poll(inTransaction).toBe(0)
  })
})

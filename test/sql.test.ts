import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askAs, cellText, ROWS_MAX } from '../cmd/sql.ts'
import { type TestDatabase, testDatabase } from './support/database.ts'

let database: TestDatabase
const ask = (select: string) => askAs(database.pool, 'aforo_grafana', select)

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())

describe('aforo sql', () => {
  test('answers one query, its amounts and times exact', async () => {
    const { columns, rows } = await ask(
      "select 1 as one, 0.000000000000000001 as amount, timestamptz '2026-11-02 09:30:00.000001Z' as time, null as none;",
    )
    expect(columns.map(({ name, type }) => [name, type])).toEqual([
      ['one', 'number'],
      ['amount', 'number'],
      ['time', 'text'],
      ['none', 'text'],
    ])
    expect(rows).toEqual([
      { one: '1', amount: '0.000000000000000001', time: '2026-11-02 09:30:00.000001+00', none: null },
    ])
  })

  test.each([
    ['a table of the store', 'select * from aforo_store.events', /permission denied/],
    ['two queries', 'select 1; select 2', /multiple commands/],
    ['a statement that writes', 'delete from aforo.alerts', /syntax error/],
    [
      'what writes within a query',
      "select nextval('aforo_store.price_rows_price_row_id_seq')",
      /permission denied/,
    ],
    ['what is no SQL', 'margins, please', /syntax error/],
  ])('refuses %s', async (_, select, why) => {
    await expect(ask(select)).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringMatching(why),
    })
  })

  test('refuses a login that is not there', async () => {
    await expect(askAs(database.pool, 'no"body', 'select 1')).rejects.toThrow('role "no"body" does not exist')
  })

  test('answers as many rows as it says, and tells when there are more', async () => {
    expect((await ask(`select from generate_series(1, ${ROWS_MAX})`)).rows).toHaveLength(ROWS_MAX)
    await expect(ask(`select from generate_series(1, ${ROWS_MAX + 1})`)).rejects.toThrow(
      `more than ${ROWS_MAX} rows`,
    )
  })

  test.each([
    ['number', '0.014000000000000000', '0.014'],
    ['number', '1000.000', '1000'],
    ['number', '1000', '1000'],
    ['number', '1.5e-20', '1.5e-20'],
    ['number', '1e+20', '1e+20'],
    ['number', '', ''],
    ['text', '1.50', '1.50'],
  ] as const)('shows a %s %j as %j in a table', (type, text, shown) => {
    expect(cellText(type, text)).toBe(shown)
  })
})

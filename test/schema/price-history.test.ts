import { afterEach, beforeEach, expect, test } from 'vitest'
import { migrate } from '../../schema/migrate.ts'
import { emptyDatabase, type TestDatabase } from '../support/database.ts'
import { timescaleMode } from '../support/server.ts'
import { migrateBefore } from './migrate-before.ts'

let database: TestDatabase
beforeEach(async () => {
  database = await emptyDatabase()
})
afterEach(() => database.drop())

test('a price book of rows that overtake one another becomes one of rows that do not', async () => {
  const { pool, url } = database
  await migrateBefore(url, 7)
  for (const [price, from, to, recorded] of [
    [1, '2026-01-01', null, '2026-01-01'],
    [2, '2026-03-01', null, '2026-02-01'],
    [3, '2026-03-01', null, '2026-02-15'],
    [4, '2026-06-01', '2026-07-01', '2026-05-01'],
  ]) {
    await pool.query(
      `insert into aforo_store.price_rows
         (tenant_id, book, provider, model, meter, unit_price, per, effective_from, effective_to, recorded_at, source)
       values ('', 'catalogue', 'p', 'm', 'output', $1, 1, $2, $3, $4, 'test')`,
      [price, from, to, recorded],
    )
  }
  await migrate(url, { timescale: timescaleMode() })
  const { rows } = await pool.query(
    `select trim_scale(unit_price) || ' ' || effective_from::date || ' ' || coalesce(effective_to::date::text, '-') as line
     from aforo_store.price_rows where retracted_at is null order by effective_from`,
  )
  expect(rows.map((row) => row.line)).toEqual([
    '1 2026-01-01 2026-03-01',
    '3 2026-03-01 2026-06-01',
    '4 2026-06-01 2026-07-01',
    '3 2026-07-01 -',
  ])
})

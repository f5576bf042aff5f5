import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expand } from '../grafana/macros.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { blocks } from '../support/shown.ts'

const PAGE = 'docs/OPERATING.md'

let database: TestDatabase
let timescaledb: boolean
beforeAll(async () => {
  database = await testDatabase()
  const { rows } = await database.pool.query("select from pg_extension where extname = 'timescaledb'")
  timescaledb = rows.length > 0
})
afterAll(() => database.drop())

test('the page lists every view with its columns', async () => {
  const { rows } = await database.pool.query<{ view: string; columns: string }>(
    `select table_name as view, string_agg(column_name, ', ' order by ordinal_position) as columns
     from information_schema.columns where table_schema = 'aforo' group by 1`,
  )
  const listed = [
    ...readFileSync(PAGE, 'utf8').matchAll(/^\| `(\w+)` \| .* \| `(time|budget)(, [^`]+)` \|$/gm),
  ]
  expect(Object.fromEntries(listed.map(([, view, first, others]) => [view, `${first}${others}`]))).toEqual(
    Object.fromEntries(rows.map(({ view, columns }) => [view, columns])),
  )
})

test.each(blocks(PAGE, 'sql'))('%s runs', async (sql) => {
  if (/drop_chunks|hypertable/.test(sql) && !timescaledb) return
  const [from, to] = [new Date('2026-11-01T00:00:00Z'), new Date('2026-12-01T00:00:00Z')]
  const client = await database.pool.connect()
  try {
    // A role belongs to the server, not to the database.
    await client.query('begin')
    await client.query(expand(sql, { from, to, interval: '1h', timescaledb, variables: {} }))
    await client.query('rollback')
  } finally {
    client.release()
  }
})

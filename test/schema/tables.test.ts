import { is } from 'drizzle-orm'
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as tables from '../../schema/tables.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())

test('the tables in TypeScript have the columns, types and keys of those in the database', async () => {
  const { rows } = await database.pool.query<{ line: string }>(
    `select format('%s.%s %s%s%s', c.relname, a.attname, replace(format_type(a.atttypid, a.atttypmod), ',', ', '),
       case when a.attnotnull then ' not null' else '' end,
       case when a.attnum = any(k.conkey) then ' key' else '' end) as line
     from pg_attribute a
     join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p')
     join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'aforo_store'
     left join pg_constraint k on k.conrelid = c.oid and k.contype = 'p'
     where a.attnum > 0 and not a.attisdropped and c.relname <> 'migrations'`,
  )
  const real = rows.map((row) => row.line).sort()
  const typed = Object.values(tables)
    .flatMap((table) => (is(table, PgTable) ? linesOf(table) : []))
    .sort()
  expect(typed).toEqual(real)
})

function linesOf(table: PgTable): string[] {
  const { name, columns, primaryKeys } = getTableConfig(table)
  const key = new Set([
    ...primaryKeys.flatMap((primary) => primary.columns.map((column) => column.name)),
    ...columns.filter((column) => column.primary).map((column) => column.name),
  ])
  return columns.map((column) => {
    const notNull = column.notNull ? ' not null' : ''
    return `${name}.${column.name} ${column.getSQLType()}${notNull}${key.has(column.name) ? ' key' : ''}`
  })
}

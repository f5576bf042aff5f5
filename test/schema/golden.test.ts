import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { describeCatalog } from './catalog.ts'

const GOLDEN = fileURLToPath(new URL('./golden.txt', import.meta.url))

/** Of the embedded server, whose spelling the file has. */
const MAJOR = 18

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())

// A change of the schema is to be seen in its review: UPDATE=1 writes the file anew.
it('is the schema of golden.txt, on PostgreSQL and on TimescaleDB', async () => {
  const catalog = await describeCatalog(database.pool)
  const { rows } = await database.pool.query(
    "select current_setting('server_version_num')::int / 10000 as major",
  )
  if (process.env.UPDATE === '1' && rows[0].major === MAJOR) writeFileSync(GOLDEN, catalog)
  const golden = readFileSync(GOLDEN, 'utf8')
  if (rows[0].major === MAJOR) expect(catalog).toBe(golden)
  else expect(unqualified(catalog)).toBe(unqualified(golden))
})

/** Older versions put the table before every column of a view (an indented line), newer ones only where they must. */
function unqualified(catalog: string): string {
  return catalog.replace(/^ .*$/gm, (line) =>
    line.replace(/\b(?!aforo\b|aforo_store\b)[a-z_]+\.(?=["a-z])/g, ''),
  )
}

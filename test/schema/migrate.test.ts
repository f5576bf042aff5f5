import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { migrate } from '../../schema/migrate.ts'
import { emptyDatabase, type TestDatabase } from '../support/database.ts'
import { timescaleMode } from '../support/server.ts'

const FOLDER = fileURLToPath(new URL('../../schema/migrations', import.meta.url))
const JOURNAL = join(FOLDER, 'meta/_journal.json')
const MIGRATIONS: number = JSON.parse(readFileSync(JOURNAL, 'utf8')).entries.length
const timescale = timescaleMode()

let database: TestDatabase

beforeEach(async () => {
  database = await emptyDatabase()
})
afterEach(() => database.drop())

/** Our migrations and one more, as a later version would have. */
function laterVersion(sql: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'aforo-migrations-'))
  cpSync(FOLDER, folder, { recursive: true })
  const journal = JSON.parse(readFileSync(JOURNAL, 'utf8'))
  const last = journal.entries.at(-1)
  journal.entries.push({ ...last, idx: last.idx + 1, when: last.when + 1000, tag: '9999_later' })
  writeFileSync(join(folder, 'meta/_journal.json'), JSON.stringify(journal))
  writeFileSync(join(folder, '9999_later.sql'), sql)
  return folder
}

describe('migrate', () => {
  it('runs every migration once', async () => {
    const first = await migrate(database.url, { timescale })
    const second = await migrate(database.pool, { timescale })
    expect(first.applied).toBe(MIGRATIONS)
    expect(second).toEqual({ timescale: first.timescale, applied: 0 })
  })

  it('runs every migration once though twenty start at once', async () => {
    const runs = Array.from({ length: 20 }, () => migrate(database.url, { timescale }))
    const applied = (await Promise.all(runs)).map((run) => run.applied).filter((n) => n > 0)
    expect(applied).toEqual([MIGRATIONS])
  })

  it('refuses a schema that a newer version made', async () => {
    const folder = laterVersion('create table aforo_store.later (id int)')
    await migrate(database.url, { timescale, folder })
    await expect(migrate(database.url, { timescale })).rejects.toMatchObject({ code: 'conflict' })
    rmSync(folder, { recursive: true })
  })

  it('takes back a migration that fails, and can be run again', async () => {
    const folder = laterVersion('create table aforo_store.half (id int); select 1 / 0')
    await expect(migrate(database.url, { timescale, folder })).rejects.toMatchObject({ code: 'internal' })
    const { rows } = await database.pool.query("select to_regclass('aforo_store.half') as half")
    expect(rows).toEqual([{ half: null }])
    expect((await migrate(database.url, { timescale })).applied).toBe(MIGRATIONS)
    rmSync(folder, { recursive: true })
  })

  it('keeps the kind of storage it began with', async () => {
    const made = await migrate(database.url, { timescale })
    const other = made.timescale ? 'off' : 'on'
    await expect(migrate(database.url, { timescale: other })).rejects.toMatchObject({ code: 'conflict' })
    expect((await migrate(database.url, { timescale: 'auto' })).timescale).toBe(made.timescale)
  })

  it('insists on TimescaleDB where it is demanded', async () => {
    const { rows } = await database.pool.query(
      "select exists (select from pg_settings where name = 'timescaledb.max_background_workers') as preloaded",
    )
    if (rows[0].preloaded) {
      expect((await migrate(database.url, { timescale: 'on' })).timescale).toBe(true)
      const series = 'select count(*)::int as n from timescaledb_information.hypertables'
      expect((await database.pool.query(series)).rows[0].n).toBeGreaterThan(0)
    } else {
      await expect(migrate(database.url, { timescale: 'on' })).rejects.toThrow(
        /has no TimescaleDB|not preload/,
      )
      expect((await database.pool.query('select 1 as alive')).rows).toEqual([{ alive: 1 }])
    }
  })
})

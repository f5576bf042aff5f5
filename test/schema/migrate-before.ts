import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { migrate } from '../../schema/migrate.ts'
import { timescaleMode } from '../support/server.ts'

const FOLDER = fileURLToPath(new URL('../../schema/migrations', import.meta.url))

/** Brings an empty database to the schema that a version before the migration of this number had. */
export async function migrateBefore(url: string, number: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'aforo-migrations-'))
  try {
    cpSync(FOLDER, folder, { recursive: true })
    const path = join(folder, 'meta/_journal.json')
    const journal = JSON.parse(readFileSync(path, 'utf8'))
    journal.entries = journal.entries.filter((entry: { idx: number }) => entry.idx < number)
    writeFileSync(path, JSON.stringify(journal))
    await migrate(url, { timescale: timescaleMode(), folder })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

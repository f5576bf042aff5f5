import { fileURLToPath } from 'node:url'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import type pg from 'pg'

/** The instant that stands for the newest migration this version has. Read once: the files do not change. */
const NEWEST_MILLIS = Math.max(
  ...readMigrationFiles({
    migrationsFolder: fileURLToPath(new URL('./migrations', import.meta.url)),
  }).map((file) => file.folderMillis),
)

/** Whether the database answers and every migration of this version was run there. Throws where it does not answer. */
export async function isMigrated(db: Pick<pg.Pool, 'query'>): Promise<boolean> {
  const { rows: found } = await db.query<{ known: boolean }>(
    `select to_regclass('aforo_store.migrations') is not null as known`,
  )
  if (!found[0]!.known) return false
  const { rows } = await db.query<{ done: boolean }>(
    'select exists (select from aforo_store.migrations where created_at >= $1) as done',
    [NEWEST_MILLIS],
  )
  return rows[0]!.done
}

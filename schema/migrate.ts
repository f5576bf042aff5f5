import { fileURLToPath } from 'node:url'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate as runMigrations } from 'drizzle-orm/node-postgres/migrator'
import type pg from 'pg'
import { AforoError } from '../core/errors.ts'
import { databaseFault } from './faults.ts'
import { onConnection, openPool } from './pool.ts'
import { settleTimescale, type TimescaleMode } from './timescale.ts'

const FOLDER = fileURLToPath(new URL('./migrations', import.meta.url))
const SCHEMA = 'aforo_store'
const TABLE = 'migrations'
/** Any number will do, as long as no other part of Aforo locks it: "aforo" in ASCII. */
const LOCK = '418330407535'

/**
 * Brings the database to the schema this version knows. Any number of processes may do it at once.
 * @returns whether it has TimescaleDB, and how many migrations were run now
 * @throws AforoError `conflict` when the schema is newer than this version or of the other kind,
 *   `unavailable` when the database is away or TimescaleDB is demanded and not to be had
 */
export async function migrate(
  database: pg.Pool | string,
  options: { readonly timescale: TimescaleMode; readonly folder?: string },
): Promise<{ timescale: boolean; applied: number }> {
  const pool = typeof database === 'string' ? openPool(database, { max: 1 }) : database
  try {
    return await underLock(pool, (client) => migrateWith(client, options.timescale, options.folder ?? FOLDER))
  } catch (error) {
    throw databaseFault(error)
  } finally {
    if (pool !== database) await pool.end()
  }
}

async function migrateWith(client: pg.PoolClient, mode: TimescaleMode, folder: string) {
  await client.query(`create schema if not exists ${SCHEMA}`)
  await client.query(`create table if not exists ${SCHEMA}.meta (key text primary key, value text not null)`)
  const before = await readApplied(client)
  refuseNewer(before, folder)
  const timescale = await settleTimescale(client, mode)
  await runMigrations(drizzle(client), {
    migrationsFolder: folder,
    migrationsSchema: SCHEMA,
    migrationsTable: TABLE,
  })
  const after = await readApplied(client)
  return { timescale, applied: after.length - before.length }
}

/** The lock belongs to the connection, so it is gone with it, however we end. */
function underLock<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const locked = async (client: pg.PoolClient) => {
    // Waiting for the others and filling new columns may take longer than any ordinary statement.
    await client.query('set statement_timeout = 0')
    await client.query('set client_min_messages = warning')
    await client.query('select pg_advisory_lock($1)', [LOCK])
    return await work(client)
  }
  return onConnection(pool, locked, { isUsedUp: true })
}

/** Instants of the migrations run so far, oldest first. */
async function readApplied(client: pg.PoolClient): Promise<number[]> {
  const { rows: found } = await client.query<{ table: string | null }>(
    `select to_regclass('${SCHEMA}.${TABLE}')::text as table`,
  )
  if (found[0]?.table == null) return []
  const { rows } = await client.query<{ created_at: string }>(
    `select created_at from ${SCHEMA}.${TABLE} order by 1`,
  )
  return rows.map((row) => Number(row.created_at))
}

function refuseNewer(applied: readonly number[], folder: string): void {
  const newest = applied.at(-1)
  const known = readMigrationFiles({ migrationsFolder: folder }).map((file) => file.folderMillis)
  if (newest === undefined || known.includes(newest)) return
  throw new AforoError(
    'conflict',
    'the database was migrated by a newer Aforo than this one; start that version, or restore an older backup',
  )
}

import { realpathSync } from 'node:fs'
import pg from 'pg'

/** Superuser of the embedded cluster. */
export const OWNER = 'aforo'
const TIMEOUT_MS = 3000

export function serverUrl(port: number, password: string, database: string): string {
  return `postgresql://${OWNER}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`
}

/** Whether the server at the port takes our password and serves this very folder. */
export async function serves(port: number, password: string, dir: string): Promise<boolean> {
  try {
    return await withClient(port, password, async (client) => {
      const { rows } = await client.query<{ dir: string }>("select current_setting('data_directory') as dir")
      return realpathSync(rows[0]?.dir ?? '') === realpathSync(dir)
    })
  } catch {
    return false
  }
}

/** @param database a plain lower-case word */
export async function ensureDatabase(port: number, password: string, database: string): Promise<void> {
  await withClient(port, password, async (client) => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [database])
    if (rowCount === 0) await client.query(`create database ${database}`)
  })
}

async function withClient<T>(
  port: number,
  password: string,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const connectionString = serverUrl(port, password, 'postgres')
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: TIMEOUT_MS, ssl: false })
  // A server that goes away while we are connected is told by the query that fails.
  client.on('error', () => {})
  try {
    await client.connect()
    return await use(client)
  } finally {
    await client.end().catch(() => {})
  }
}

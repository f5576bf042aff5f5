import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { SILENT } from '../../core/log.ts'
import { startEmbedded } from '../../schema/embedded/launcher.ts'
import { migrate } from '../../schema/migrate.ts'
import type { TimescaleMode } from '../../schema/timescale.ts'

export interface TestServerAddress {
  readonly adminUrl: string
  /** A migrated database to copy, which nobody can connect to. */
  readonly template: string
}

export interface TestServer {
  readonly address: TestServerAddress
  close(): Promise<void>
}

/** Only what a power cut would lose. */
const FAST = { fsync: 'off', full_page_writes: 'off', max_connections: '200' }

/** TEST_DATABASE_URL where it is set, else a server of our own that is removed at the end. */
export async function openTestServer(): Promise<TestServer> {
  const given = process.env.TEST_DATABASE_URL
  const server = given ? { url: given, close: async () => {} } : await embedded()
  const template = `aforo_test_${randomBytes(4).toString('hex')}`
  try {
    await makeTemplate(server.url, template)
  } catch (error) {
    await server.close()
    throw error
  }
  return {
    address: { adminUrl: server.url, template },
    async close() {
      if (given) await administer(given, (client) => dropAll(client, template))
      await server.close()
    },
  }
}

/** The mode the tests run in: AFORO_TIMESCALE, so that a run can insist on the real thing. */
export function timescaleMode(): TimescaleMode {
  const mode = process.env.AFORO_TIMESCALE
  return mode === 'on' || mode === 'off' ? mode : 'auto'
}

/** The same server, another database. */
export function databaseUrl(adminUrl: string, database: string): string {
  const url = new URL(adminUrl)
  url.pathname = `/${database}`
  return url.href
}

export async function administer<T>(adminUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

async function embedded() {
  const folder = mkdtempSync(join(tmpdir(), 'aforo-test-'))
  chmodSync(folder, 0o711)
  const { url, clusterDir, stop } = await startEmbedded({ dataDir: folder, log: SILENT, settings: FAST })
  const close = async () => {
    await stop()
    for (const path of [clusterDir, folder]) rmSync(path, { recursive: true, force: true })
  }
  return { url, close }
}

async function makeTemplate(adminUrl: string, template: string): Promise<void> {
  await administer(adminUrl, async (client) => {
    await client.query(`create database ${template}`)
    await migrate(databaseUrl(adminUrl, template), { timescale: timescaleMode() })
    // A database somebody is connected to cannot be copied, and TimescaleDB's workers connect to all they may.
    await client.query(`alter database ${template} with allow_connections false`)
    await client.query('select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1', [
      template,
    ])
  })
}

async function dropAll(client: pg.Client, prefix: string): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    'select datname as name from pg_database where starts_with(datname, $1)',
    [prefix],
  )
  for (const { name } of rows) await client.query(`drop database if exists ${name} with (force)`)
}

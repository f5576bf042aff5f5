import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import { inject } from 'vitest'
import { migrate } from '../../schema/migrate.ts'
import { openPool } from '../../schema/pool.ts'
import { administer, databaseUrl, type TestServerAddress, timescaleMode } from './server.ts'

export interface TestDatabase {
  readonly url: string
  readonly pool: pg.Pool
  /** Closes the pool and removes the database. */
  drop(): Promise<void>
}

const POOL_SIZE = 10
const COPY_TRIES = 3

/** A migrated database of its own for the caller. */
export async function testDatabase(): Promise<TestDatabase> {
  const { adminUrl, template } = await testServer()
  const name = `${template}_${randomBytes(4).toString('hex')}`
  const url = databaseUrl(adminUrl, name)
  if (!(await copy(adminUrl, template, name))) {
    await administer(adminUrl, (client) => client.query(`create database ${name}`))
    await migrate(url, { timescale: timescaleMode() })
  }
  return open(adminUrl, name)
}

/** An empty database, for tests of the migrations themselves. */
export async function emptyDatabase(): Promise<TestDatabase> {
  const { adminUrl, template } = await testServer()
  const name = `${template}_${randomBytes(4).toString('hex')}`
  await administer(adminUrl, (client) => client.query(`create database ${name}`))
  return open(adminUrl, name)
}

function open(adminUrl: string, name: string): TestDatabase {
  const url = databaseUrl(adminUrl, name)
  const pool = openPool(url, { max: POOL_SIZE })
  const drop = async () => {
    await pool.end()
    await administer(adminUrl, (client) => client.query(`drop database if exists ${name} with (force)`))
  }
  return { url, pool, drop }
}

async function testServer(): Promise<TestServerAddress> {
  const response = await fetch(inject('testServer'))
  if (!response.ok) throw new Error(await response.text())
  return (await response.json()) as TestServerAddress
}

/** Fails while somebody is connected to the template, which a worker of TimescaleDB may be for a moment. */
async function copy(adminUrl: string, template: string, name: string): Promise<boolean> {
  return administer(adminUrl, async (client) => {
    for (let tries = 0; tries < COPY_TRIES; tries++) {
      try {
        await client.query(`create database ${name} template ${template} strategy file_copy`)
        return true
      } catch (error) {
        if ((error as { code?: string }).code !== '55006') throw error
      }
    }
    return false
  })
}

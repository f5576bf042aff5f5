import type pg from 'pg'
import { type Config, readConfig } from '../core/config.ts'
import { openPool } from '../schema/pool.ts'
import { joinDatabase } from './database.ts'
import { logger } from './logger.ts'

/**
 * Runs the work of a short command on the database of the settings, that of a running Aforo where there is one. What is
 * logged on the way is no part of its answer: warnings only, unless another level is asked for.
 * @param connections that the work needs at once
 */
export async function onDatabase(
  connections: number,
  work: (pool: pg.Pool, config: Config) => Promise<void>,
): Promise<void> {
  const config = readConfig(process.env)
  const database = await joinDatabase(config, logger(config.log === 'info' ? 'warn' : config.log))
  const pool = openPool(database.url, { max: connections })
  try {
    await work(pool, config)
  } finally {
    await pool.end()
    await database.stop()
  }
}

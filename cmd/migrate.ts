import { Command } from 'commander'
import { readConfig } from '../core/config.ts'
import { openDatabase } from './database.ts'
import { logger } from './logger.ts'

/** `aforo migrate`: brings the database to this version's schema and leaves. */
export function migrateCommand(): Command {
  return new Command('migrate')
    .description('bring the database to this version’s schema')
    .action(async () => {
      const config = readConfig(process.env)
      const database = await openDatabase(config, logger(config.log))
      await database.stop()
      process.stdout.write(`${JSON.stringify({ event: 'migrated', timescale: database.timescale })}\n`)
    })
}

import { Command, Option } from 'commander'
import { readConfig } from '../core/config.ts'
import { DEFAULT_TENANT } from '../core/ids.ts'
import { traceDebit } from '../schema/ledger/trace-debit.ts'
import { openPool } from '../schema/pool.ts'
import { joinDatabase } from './database.ts'
import { logger } from './logger.ts'

/** `aforo trace-debit ID`: from an entry of the ledger to the spans and price rows it follows from, as JSON. */
export function traceDebitCommand(): Command {
  return new Command('trace-debit')
    .description('follow an entry of a credit ledger to its event, revision, lines, price rows and spans')
    .argument('<entry_id>', 'as GET /v1/customers/{id}/ledger and the view credit_ledger show it')
    .addOption(new Option('--tenant <id>', 'the tenant of the ledger').default(DEFAULT_TENANT))
    .action(async (entryId: string, options: { tenant: string }) => {
      const config = readConfig(process.env)
      const database = await joinDatabase(config, logger(config.log === 'info' ? 'warn' : config.log))
      const pool = openPool(database.url, { max: 1 })
      try {
        const found = await traceDebit(pool, options.tenant, entryId)
        process.stdout.write(`${JSON.stringify(found, null, 2)}\n`)
      } finally {
        await pool.end()
        await database.stop()
      }
    })
}

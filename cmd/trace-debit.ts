import { Command, Option } from 'commander'
import { DEFAULT_TENANT } from '../core/ids.ts'
import { traceDebit } from '../schema/ledger/trace-debit.ts'
import { onDatabase } from './on-database.ts'

/** `aforo trace-debit ID`: from an entry of the ledger to the spans and price rows it follows from, as JSON. */
export function traceDebitCommand(): Command {
  return new Command('trace-debit')
    .description('follow an entry of a credit ledger to its event, revision, lines, price rows and spans')
    .argument('<entry_id>', 'as GET /v1/customers/{id}/ledger and the view credit_ledger show it')
    .addOption(new Option('--tenant <id>', 'the tenant of the ledger').default(DEFAULT_TENANT))
    .action((entryId: string, options: { tenant: string }) =>
      onDatabase(1, async (pool) => {
        const found = await traceDebit(pool, options.tenant, entryId)
        process.stdout.write(`${JSON.stringify(found, null, 2)}\n`)
      }),
    )
}

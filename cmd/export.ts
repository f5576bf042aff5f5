import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { Argument, Command, Option } from 'commander'
import { openExport } from '../api/exports/export.ts'
import { EXPORT_TYPES, type ExportFormat } from '../api/exports/format.ts'
import { EXPORT_NAMES, EXPORTS, type ExportName } from '../api/exports/kinds.ts'
import { DEFAULT_TENANT } from '../core/ids.ts'
import { instant } from './instant.ts'
import { onDatabase } from './on-database.ts'

interface Options {
  readonly tenant: string
  readonly from?: string
  readonly to?: string
  readonly customer?: string
  readonly format: ExportFormat
  readonly out?: string
}

/** One reads the rows, one ends the query where it is stopped. */
const CONNECTIONS = 2

/** `aforo export usage`: what GET /v1/exports/usage answers, to standard output or into a file. */
export function exportCommand(): Command {
  const formats = Object.keys(EXPORT_TYPES)
  return new Command('export')
    .description('all rows of a kind as CSV or JSON lines, as they are at one instant')
    .addArgument(new Argument('<kind>').choices(EXPORT_NAMES))
    .addOption(new Option('--format <format>').choices(formats).default('csv'))
    .addOption(new Option('--from <instant>', 'inclusive').argParser(instant))
    .addOption(new Option('--to <instant>', 'exclusive').argParser(instant))
    .option('--customer <id>', 'only this customer')
    .option('--out <file>', 'a new file; default: standard output')
    .addOption(new Option('--tenant <id>', 'whose rows').default(DEFAULT_TENANT))
    .addHelpText(
      'after',
      `\n${Object.entries(EXPORTS)
        .map(([name, { summary }]) => `${name}: ${summary}`)
        .join('\n')}\n`,
    )
    .action(async (name: ExportName, options: Options) => {
      const { tenant: tenantId, from = null, to = null, customer = null, format, out } = options
      await onDatabase(CONNECTIONS, async (pool) => {
        const stopped = new AbortController()
        process.once('SIGINT', () => stopped.abort())
        const order = { tenantId, name, format, from, to, customer }
        const rows = await openExport(pool, order, stopped.signal)
        // Standard output is not ours to end: where it is a socket, that would end it for those who write to it after us.
        if (out === undefined) await pipeline(rows, process.stdout, { end: false })
        // A file that is there is somebody's.
        else await pipeline(rows, createWriteStream(out, { flags: 'wx' }))
      })
    })
}

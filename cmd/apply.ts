import { readFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { type Applied, applyFile } from '../api/apply/apply.ts'
import { APPLY_KINDS } from '../api/apply/kinds.ts'
import { DEFAULT_TENANT } from '../core/ids.ts'
import { told } from '../core/unlike.ts'
import { periodOf } from '../rating/period.ts'
import { parsePlan } from '../rating/plans/plan.ts'
import { quote } from '../rating/plans/quote.ts'
import { createPriceUpdates } from '../rating/prices/updates/price-updates.ts'
import { invoicing } from './invoicing.ts'
import { onDatabase } from './on-database.ts'

/** `aforo apply FILE`: plans, customers and the like out of a file; all of it or nothing. */
export function applyCommand(): Command {
  return new Command('apply')
    .description(`write ${APPLY_KINDS.map(({ name }) => name).join(', ')} from a YAML file`)
    .argument('<file>', 'YAML or JSON')
    .addOption(new Option('--tenant <id>', 'whose they are').default(DEFAULT_TENANT))
    .option('--dry-run', 'tell what would be done, and write nothing')
    .addHelpText('after', HELP)
    .action(async (file: string, { tenant, dryRun = false }: { tenant: string; dryRun?: boolean }) => {
      const text = await readFile(file, 'utf8')
      await onDatabase(1, async (pool, { priceSource: source, priceCrossCheck: against }) => {
        const pricing = { parsePlan, quote, periodOf }
        const prices = createPriceUpdates({ source, against })
        const applied = await applyFile(pool, tenant, text, {
          ...{ pricing, prices, invoicing, now: new Date() },
          dryRun,
        })
        process.stdout.write(applied.map((each) => lines(each, dryRun)).join(''))
      })
    })
}

const HELP = `
Written by the endpoints of REST, with their checks: a key of the file is the id, what stands under it the body of the
PUT; settings have no key. What is there already is left alone, so a second time changes nothing, and of what changes it is
told where, before and after. What the file does not name stays as it is.
All faults are told together, each with its line, and nothing is written then. docs/examples/aforo.yaml is an example.
`

/** Changes of one entry that are told; the others are only counted. */
const CHANGES_TOLD_MAX = 50

function lines({ kind, key, did, answer, changes }: Applied, dryRun: boolean): string {
  const { secret } = answer as { secret?: string }
  const shown = secret === undefined || dryRun ? '' : `  secret ${secret} (shown once)`
  const more = changes.length - CHANGES_TOLD_MAX
  return [
    `${did.padEnd(10)}${kind}${key === '' ? '' : `/${key}`}${shown}`,
    ...changes
      .slice(0, CHANGES_TOLD_MAX)
      .map(({ path, before, after }) => `          ${path}: ${told(before)} → ${told(after)}`),
    ...(more > 0 ? [`          and ${more} more`] : []),
    '',
  ].join('\n')
}

import { Command } from 'commander'
import type pg from 'pg'
import { readConfig } from '../core/config.ts'
import type { Log } from '../core/log.ts'
import { migrate } from '../schema/migrate.ts'
import { openPool } from '../schema/pool.ts'
import { inSnapshot } from '../schema/snapshot.ts'
import { joinDatabase } from './database.ts'
import { logger } from './logger.ts'
import { type Comparison, compareBooks } from './replay/compare.ts'
import { compareInvoices } from './replay/invoices.ts'
import { type ReplayCount, refuseUsed, replayBooks } from './replay/replay.ts'

/** Connections to the target: the journal's writers, the cutter and the rater. */
const TARGET_CONNECTIONS = 10

/** `aforo replay --into URL`: everything again in an empty database, and what differs. */
export function replayCommand(): Command {
  return new Command('replay')
    .description('replay the journal into an empty database and compare what comes of it')
    .requiredOption('--into <database_url>', 'an empty database; it is migrated, filled and left there')
    .addHelpText('after', HELP)
    .action(async ({ into }: { into: string }) => {
      const config = readConfig(process.env)
      const log = logger(config.log === 'info' ? 'warn' : config.log)
      const database = await joinDatabase(config, log)
      const from = openPool(database.url, { max: 2 })
      const to = openPool(into, { max: TARGET_CONNECTIONS })
      try {
        await migrate(to, { timescale: 'auto' })
        const { count, comparisons } = await replayAndCompare(from, to, log)
        const { cuts, cutsRecorded, ratings } = count
        process.stdout.write(`replayed ${cutsRecorded} revisions in ${cuts} cuts and ${ratings} ratings\n`)
        process.stdout.write(`${comparisonLines(comparisons).join('\n')}\n`)
        if (comparisons.some(({ differenceCount }) => differenceCount > 0)) process.exitCode = 1
      } finally {
        await to.end()
        await from.end()
        await database.stop()
      }
    })
}

const HELP = `
Replayed are the journal and the facts: customers, plans, subscriptions, prices, what catalogues proposed and what was
decided of it, named customers, stated usage and settings, grants that somebody made and took back. Each is done at the
instant recorded: a fact is written when it was written, a trace cut when it was cut, of what had been received by then,
and rated when it was rated; costs are adjusted when a back-dated price was approved. Invoices and credit notes are
copied as they were issued, and each is worked out again of what came of the replay.

Compared are ids, and sums per event: of tokens, costs, adjustments, charges, debits and stack, with the newest assembly;
then counters, exceptions, what lies in each account of credits, and invoices, all to the last digit. Not compared is how
many revisions a sum is made of. A span that was being written while its trace was cut is in one revision here and in the
next one there; cut reasons and waiting times follow.

Where a price depends on what a period has used before (tiers, packages, fees, included quantities), what one event is
charged depends on which event was rated first. Of two that were rated at the same instant that is not recorded. Such
rows are told as charged in another order; the counter of their period is compared like all others, to the last digit.

Traces that are due and revisions that wait to be rated are left as they are. Budgets, alert rules, webhooks, top-up rules
and keys are not copied: no amount depends on them.

Exit code 0: no difference. 1: differences, the first twenty of each table, all of them counted.
`

/**
 * Does everything of one database again in another, and compares the two.
 * @param to migrated and empty
 * @throws AforoError `conflict` where it is not
 */
export async function replayAndCompare(
  from: pg.Pool,
  to: pg.Pool,
  log: Log,
): Promise<{ readonly count: ReplayCount; readonly comparisons: readonly Comparison[] }> {
  await refuseUsed(to)
  return inSnapshot(from, 2, async ([source, reader]) => {
    const count = await replayBooks(source!, reader!, to, log)
    const comparisons = await inSnapshot(to, 1, async ([target]) => [
      ...(await compareBooks(source!, target!)),
      await compareInvoices(target!),
    ])
    return { count, comparisons }
  })
}

/** The table of what was compared, then the differences. */
export function comparisonLines(comparisons: readonly Comparison[]): readonly string[] {
  const lines = ['compared              rows  differences  in another order']
  for (const { name, rows, differenceCount, reordered } of comparisons) {
    const numbers = [
      String(rows).padStart(12),
      String(differenceCount).padStart(13),
      String(reordered).padStart(18),
    ]
    lines.push(`${name.padEnd(14)}${numbers.join('')}`)
  }
  for (const { name, differences, differenceCount } of comparisons) {
    for (const words of differences) lines.push(`difference  ${name}: ${words}`)
    const more = differenceCount - differences.length
    if (more > 0) lines.push(`difference  ${name}: and ${more} more`)
  }
  return lines
}

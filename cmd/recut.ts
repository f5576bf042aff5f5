import { createInterface } from 'node:readline/promises'
import { Command, Option } from 'commander'
import type pg from 'pg'
import { Registry } from 'prom-client'
import { type Column, grouped, textTable } from '../api/text-table.ts'
import { ASSEMBLY_RULES } from '../core/assembly-rules.ts'
import type { Config } from '../core/config.ts'
import { AforoError } from '../core/errors.ts'
import { type Decimal, decimalText, ZERO } from '../core/money.ts'
import type { CustomerEffect } from '../rating/revision-effects.ts'
import { countOlder } from '../receiver/cut/recut.ts'
import { createReceiverMetrics } from '../receiver/metrics.ts'
import { cutSettings } from './context.ts'
import { logger } from './logger.ts'
import { onDatabase } from './on-database.ts'
import {
  previewRecut,
  RECUT_CONNECTIONS,
  type RecutParts,
  type RecutPreview,
  runRecut,
} from './recut/recut.ts'

interface Options {
  readonly tenant?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
}

/** `aforo recut`: traces that were cut with older rules of assembling, cut with those of now. */
export function recutCommand(): Command {
  return new Command('recut')
    .description('cut traces again that were cut with older rules of assembling, after a preview')
    .addOption(new Option('--tenant <id>', 'only this tenant; default: all'))
    .option('--dry-run', 'only the preview: events, COGS and charges that would change, by customer')
    .option('--yes', 'without preview and question')
    .addHelpText('after', HELP)
    .action((options: Options) =>
      onDatabase(RECUT_CONNECTIONS, (pool, config) => recut(pool, config, options)),
    )
}

const HELP = `
An upgrade may count otherwise what a trace amounts to. What was cut before stays as it was, and aforo audit tells where it
differs, until this command has cut it again: from the journal, which keeps every span. What comes to the same is only
marked. What differs is the next revision of its event, rated like any other: each call at the prices it was first costed
with, at the plan version it was charged by. Finalised invoices stay as they are; differences of their periods are late
usage, on the next invoice or a credit note.

It works in transactions of at most 200 traces, beside everything else, and may be ended at any time: the next run goes on
there. Without --yes it shows the preview and asks.

Exit code 0: done, or nothing to do. 1: not agreed to, and nothing was written; or some traces could not be cut, which are
listed as exceptions and tried again.
`

async function recut(pool: pg.Pool, config: Config, { tenant, dryRun, yes }: Options): Promise<void> {
  const tenantId = tenant ?? null
  const older = await countOlder(pool, tenantId)
  if (older === 0) return say(`every trace is cut with rules ${ASSEMBLY_RULES}: nothing to do`)
  say(`${counted(older, 'trace')} cut with older rules than ${ASSEMBLY_RULES}`)
  const log = logger(config.log === 'info' ? 'warn' : config.log)
  const metrics = createReceiverMetrics(new Registry())
  const parts: RecutParts = { pool, log, settings: cutSettings(config), metrics, tenantId }
  if (!yes) {
    const preview = await previewRecut(parts, new Date())
    process.stdout.write(previewText(preview))
    if (dryRun) return
    if (!(await isAgreed())) {
      process.exitCode = 1
      return say('nothing was written')
    }
  }
  const { traces, revisions, failed } = await runRecut(parts, () => new Date())
  say(`${counted(traces, 'trace')} cut again, ${counted(revisions, 'revision')} written and rated`)
  if (failed === 0) return
  process.exitCode = 1
  say(`${counted(failed, 'trace')} could not be cut: listed as exceptions, and tried again`)
}

/** Only a person at a terminal can be asked. */
async function isAgreed(): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new AforoError(
      'invalid_argument',
      'nobody is there to ask: give --yes, or --dry-run for the preview alone',
    )
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question('Write these revisions? [y/N] ')).trim())
  } finally {
    terminal.close()
  }
}

function counted(count: number, what: string): string {
  return `${grouped(String(count))} ${what}${count === 1 ? '' : 's'}`
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** What would change, by customer; amounts are exact. */
export function previewText({ traces, revisions, failed, effects }: RecutPreview): string {
  const told = [
    `${counted(traces, 'trace')} looked at`,
    `${counted(revisions, 'event')} ${revisions === 1 ? 'changes' : 'change'}`,
    ...(failed > 0 ? [`${counted(failed, 'trace')} cannot be cut`] : []),
  ]
  if (effects.length === 0) return `${told.join(' · ')}\n`
  const total: Row = {
    name: 'total',
    tenant: '',
    events: effects.reduce((sum, { events }) => sum + events, 0),
    unpriced: effects.reduce((sum, { unpriced }) => sum + unpriced, 0),
    cogs: effects.reduce((sum, { cogs }) => sum.plus(cogs), ZERO),
    prices: addedUp(effects),
  }
  return `${told.join(' · ')}\n\n${textTable(COLUMNS, [...effects.map(rowOf), total])}\n`
}

interface Row extends Pick<CustomerEffect, 'events' | 'unpriced' | 'cogs' | 'prices'> {
  readonly name: string
  readonly tenant: string
}

function rowOf({ customer, tenantId, ...effect }: CustomerEffect): Row {
  return { ...effect, name: customer ?? '(nobody)', tenant: tenantId }
}

const COLUMNS: readonly Column<Row>[] = [
  { head: 'TENANT', align: 'left', text: ({ tenant }) => tenant },
  { head: 'CUSTOMER', align: 'left', text: ({ name }) => name },
  { head: 'EVENTS', align: 'right', text: ({ events }) => grouped(String(events)) },
  { head: 'UNPRICED', align: 'right', text: ({ unpriced }) => grouped(String(unpriced)) },
  { head: 'COGS', align: 'right', text: ({ cogs }) => `${signed(cogs)} USD` },
  {
    head: 'PRICE',
    align: 'right',
    text: ({ prices }) => [...prices].map(([currency, amount]) => `${signed(amount)} ${currency}`).join(', '),
  },
]

function addedUp(effects: readonly CustomerEffect[]): ReadonlyMap<string, Decimal> {
  const sums = new Map<string, Decimal>()
  for (const { prices } of effects) {
    for (const [currency, amount] of prices) sums.set(currency, (sums.get(currency) ?? ZERO).plus(amount))
  }
  return sums
}

function signed(amount: Decimal): string {
  return `${amount.greaterThan(0) ? '+' : ''}${decimalText(amount)}`
}

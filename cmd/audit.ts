import { Command, InvalidArgumentError, Option } from 'commander'
import { AUDIT_CHECKS, type AuditReport } from '../core/audit.ts'
import { readConfig } from '../core/config.ts'
import { auditAll } from './audit/run.ts'
import { joinDatabase } from './database.ts'
import { logger } from './logger.ts'

/** `aforo audit`: everything again from the journal, compared to the last digit. */
export function auditCommand(): Command {
  return new Command('audit')
    .description('re-derive everything from the journal and compare it to the last digit')
    .addOption(new Option('--tenant <id>', 'only this tenant; default: all'))
    .addOption(new Option('--from <instant>', 'only events from this instant on').argParser(instant))
    .addOption(new Option('--to <instant>', 'only events before this instant').argParser(instant))
    .addHelpText('after', HELP)
    .action(async (options: { tenant?: string; from?: string; to?: string }) => {
      const config = readConfig(process.env)
      const database = await joinDatabase(config, logger(config.log === 'info' ? 'warn' : config.log))
      try {
        const { tenant = null, from = '-infinity', to = 'infinity' } = options
        const started = performance.now()
        const report = await auditAll(database.url, { tenantId: tenant, from, to }, new Date())
        const seconds = (performance.now() - started) / 1000
        process.stdout.write(`${reportLines(report).join('\n')}\n`)
        process.stdout.write(`${verdict(report)} · ${seconds.toFixed(1)} s\n`)
        if (report.gapCount > 0) process.exitCode = 1
      } finally {
        await database.stop()
      }
    })
}

const HELP = `
Nothing is written, and nobody waits: all of it reads the database as it was at one instant, so it may run beside
everything else. Traces that are due and revisions in the queue are not settled yet; they are told as pending.

Exit code 0: no gap. 1: gaps, of each check the first twenty by kind and id, all of them counted.
docs/INVARIANTS.md says what each check holds.
`

/** The table of checks, then the gaps, then what is pending. */
export function reportLines(report: AuditReport): readonly string[] {
  const lines = ['  #  check                    rows      gaps  holds']
  for (const { check, result } of report.results) {
    const { invariant, claim } = AUDIT_CHECKS[check]
    const numbers = `${String(result.rows).padStart(12)}${String(result.gapCount).padStart(10)}`
    lines.push(`${String(invariant).padStart(3)}  ${check.padEnd(17)}${numbers}  ${claim}`)
  }
  for (const { check, result } of report.results) {
    for (const { kind, tenantId, id, found } of result.gaps) {
      lines.push(`gap  ${check}: ${kind} ${id} of tenant ${tenantId}: ${found}`)
    }
    const more = result.gapCount - result.gaps.length
    if (more > 0) lines.push(`gap  ${check}: and ${more} more`)
  }
  for (const [what, count] of report.pendings) lines.push(`pending: ${count} ${what}`)
  return lines
}

function verdict({ gapCount }: AuditReport): string {
  return gapCount === 0 ? 'no gap' : `${gapCount} ${gapCount === 1 ? 'gap' : 'gaps'}`
}

function instant(text: string): string {
  const millis = Date.parse(text)
  if (Number.isNaN(millis)) throw new InvalidArgumentError('must be an instant like 2026-11-23T00:00:00Z')
  return new Date(millis).toISOString()
}

import { Command } from 'commander'
import { SETTINGS } from '../core/config.ts'
import { AforoError } from '../core/errors.ts'
import { applyCommand } from './apply.ts'
import { auditCommand } from './audit.ts'
import { conformanceCommand } from './conformance.ts'
import { exportCommand } from './export.ts'
import { keysCommand } from './keys.ts'
import { migrateCommand } from './migrate.ts'
import { pricesCommand } from './prices.ts'
import { replayCommand } from './replay.ts'
import { serveCommand } from './serve.ts'
import { sidecarCommand } from './sidecar.ts'
import { simulateCommand } from './simulate.ts'
import { sqlCommand } from './sql.ts'
import { traceDebitCommand } from './trace-debit.ts'

/** The `aforo` command. Exit code 0: done; 1: refused or failed, with one line that says why; 2: wrong usage. */
const program = new Command('aforo')
  .description('Bills AI agents from the OpenTelemetry traces they already emit.')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))

program.addCommand(
  serveCommand('serve', 'receiver, cut, rating, API and check in one process', [
    'receiver',
    'rater',
    'api',
    'check',
  ]),
)
program.addCommand(serveCommand('receiver', 'OTLP to usage journal', ['receiver']))
program.addCommand(serveCommand('rater', 'usage journal to rated events', ['rater']))
program.addCommand(serveCommand('api', 'REST API', ['api']))
program.addCommand(serveCommand('check', 'check address, from the database', ['check']))
program.addCommand(sidecarCommand())
program.addCommand(migrateCommand())
program.addCommand(keysCommand())
program.addCommand(auditCommand())
program.addCommand(pricesCommand())
program.addCommand(replayCommand())
program.addCommand(conformanceCommand())
program.addCommand(traceDebitCommand())
program.addCommand(simulateCommand())
program.addCommand(sqlCommand())
program.addCommand(exportCommand())
program.addCommand(applyCommand())
inheritSettings(program)

try {
  await program.parseAsync(process.argv)
} catch (error) {
  process.stderr.write(
    `aforo: ${addressTaken(error) ?? (error instanceof Error ? error.message : String(error))}\n`,
  )
  for (const fault of error instanceof AforoError ? error.faults : []) {
    process.stderr.write(`  ${fault.path}: ${fault.message}\n`)
  }
  process.exit(1)
}

/** What to do about an address that somebody else listens on: mostly another Aforo of the same machine. */
function addressTaken(error: unknown): string | null {
  const { code, address, port } = error as { code?: string; address?: string; port?: number }
  if (code !== 'EADDRINUSE') return null
  const taken = `${address}:${port}`
  const setting = SETTINGS.find(({ name, fallback }) => (process.env[name] || fallback) === taken)
  const moved =
    setting === undefined
      ? ''
      : `: is another Aforo running? ${setting.name} moves this one; port 0 takes any`
  return `${taken} is taken${moved}`
}

/** A command that was made by itself knows nothing of the one it is added to: how it ends, above all. */
function inheritSettings(command: Command): void {
  for (const sub of command.commands) {
    sub.copyInheritedSettings(command)
    inheritSettings(sub)
  }
}

import { Command } from 'commander'
import { applyCommand } from './apply.ts'
import { auditCommand } from './audit.ts'
import { conformanceCommand } from './conformance.ts'
import { exportCommand } from './export.ts'
import { keysCommand } from './keys.ts'
import { migrateCommand } from './migrate.ts'
import { pricesCommand } from './prices.ts'
import { recutCommand } from './recut.ts'
import { replayCommand } from './replay.ts'
import { serveCommand } from './serve.ts'
import { sidecarCommand } from './sidecar.ts'
import { simulateCommand } from './simulate.ts'
import { sqlCommand } from './sql.ts'
import { traceDebitCommand } from './trace-debit.ts'

/** The `aforo` command with everything it can do. Reads and starts nothing. */
export function aforoProgram(): Command {
  const program = new Command('aforo').description(
    'Bills AI agents from the OpenTelemetry traces they already emit.',
  )
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
  program.addCommand(recutCommand())
  program.addCommand(pricesCommand())
  program.addCommand(replayCommand())
  program.addCommand(conformanceCommand())
  program.addCommand(traceDebitCommand())
  program.addCommand(simulateCommand())
  program.addCommand(sqlCommand())
  program.addCommand(exportCommand())
  program.addCommand(applyCommand())
  return program
}

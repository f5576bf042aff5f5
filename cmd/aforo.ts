import type { Command } from 'commander'
import { SETTINGS } from '../core/config.ts'
import { AforoError } from '../core/errors.ts'
import { aforoProgram } from './program.ts'

/** The `aforo` command. Exit code 0: done; 1: refused or failed, with one line that says why; 2: wrong usage. */
const program = aforoProgram().exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
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

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
    `aforo: ${cannotListen(error) ?? (error instanceof Error ? error.message : String(error))}\n`,
  )
  for (const fault of error instanceof AforoError ? error.faults : []) {
    process.stderr.write(`  ${fault.path}: ${fault.message}\n`)
  }
  process.exit(1)
}

/** What to do about an address that cannot be listened on; null: it is another fault. */
function cannotListen(error: unknown): string | null {
  const { code, syscall, address, port } = error as {
    code?: string
    syscall?: string
    address?: string
    port?: number
  }
  if (syscall !== 'listen') return null
  const isPath = port === undefined || port < 0
  const where = isPath ? address : `${address}:${port}`
  switch (code) {
    case 'EADDRINUSE':
      return `${where} is taken${moved(where)}`
    case 'EADDRNOTAVAIL':
      return `${where} is no address of this machine`
    case 'EACCES':
      // Of a socket whose folder is not there, too.
      return isPath
        ? `${where} cannot be made: is its folder there, and may we write in it?`
        : `${where} may not be listened on by us: ports below 1024 need a right`
    default:
      return null
  }
}

/** Mostly it is another Aforo of the same machine. */
function moved(taken: string | undefined): string {
  const setting = SETTINGS.find(({ name, fallback }) => (process.env[name] || fallback) === taken)
  if (setting === undefined) return ''
  return `: is another Aforo running? ${setting.name} moves this one; port 0 takes any`
}

/** A command that was made by itself knows nothing of the one it is added to: how it ends, above all. */
function inheritSettings(command: Command): void {
  for (const sub of command.commands) {
    sub.copyInheritedSettings(command)
    inheritSettings(sub)
  }
}

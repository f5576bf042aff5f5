import { type SpawnOptions, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { FOLDER } from './clients.ts'

/** Where what is installed goes: ignored by git, kept for the next run. */
export const INSTALLED = join(FOLDER, '../../.aforo/test-clients')

/** Does the work unless the stamp says that it was done for this very lock file. */
export async function unlessDone(
  stampFile: string,
  lockFile: string,
  work: () => Promise<void>,
): Promise<void> {
  const stamp = createHash('sha256').update(readFileSync(lockFile)).digest('hex')
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return
  process.stdout.write(`installing ${lockFile.slice(FOLDER.length)}\n`)
  await work()
  writeFileSync(stampFile, stamp)
}

/** Runs a command to its end. Throws what it complained of last where it failed, or is not there. */
export async function run(
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<void> {
  // npm is a script of node: it runs under ours, whichever comes first in the PATH.
  const env = { ...process.env, PATH: dirname(process.execPath) + delimiter + process.env.PATH }
  const child = spawn(command, args, { env, ...options, stdio: ['ignore', 'inherit', 'pipe'] })
  let complaint = ''
  child.stderr!.on('data', (chunk) => {
    complaint += chunk
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${command} ${args[0]} failed: ${complaint.trim().split('\n').at(-1)}`)
}

import { type SpawnOptions, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { type Client, FOLDER } from './clients.ts'

/** Where what is installed goes: ignored by git, kept for the next run. */
const VENVS = join(FOLDER, '../../.aforo/test-clients')
const PYTHON = process.env.PYTHON ?? 'python3.11'

/** What a program is run with, or why it cannot be. */
export type Runtime = { readonly command: string } | { readonly missing: string }

/**
 * What the clients run with: Node's packages by their lock file, and the environments of python/ that they name. Nothing that
 * none of them needs, and again only what changed.
 */
export async function install(clients: readonly Client[]): Promise<ReadonlyMap<string | undefined, Runtime>> {
  const runtimes = new Map<string | undefined, Runtime>()
  for (const python of new Set(clients.map((client) => client.python))) {
    runtimes.set(python, await installed(python === undefined ? installNode : () => installPython(python)))
  }
  return runtimes
}

async function installed(work: () => Promise<string>): Promise<Runtime> {
  try {
    return { command: await work() }
  } catch (error) {
    return { missing: (error as Error).message }
  }
}

async function installNode(): Promise<string> {
  const modules = join(FOLDER, 'node_modules')
  await unlessDone(join(modules, '.aforo-lock'), join(FOLDER, 'package-lock.json'), async () => {
    await run('npm', ['ci', '--loglevel=error'], { cwd: FOLDER, shell: process.platform === 'win32' })
  })
  return process.execPath
}

async function installPython(name: string): Promise<string> {
  const requirements = join(FOLDER, 'python', `${name}.txt`)
  const venv = join(VENVS, name)
  const python = join(venv, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')
  await unlessDone(join(venv, '.aforo-lock'), requirements, async () => {
    rmSync(venv, { recursive: true, force: true })
    mkdirSync(VENVS, { recursive: true })
    await run(PYTHON, ['-m', 'venv', venv])
    await run(python, ['-m', 'pip', 'install', '--quiet', '--no-deps', '--requirement', requirements])
  })
  return python
}

/** Does the work unless the stamp says that it was done for this very lock file. */
async function unlessDone(stampFile: string, lockFile: string, work: () => Promise<void>): Promise<void> {
  const stamp = createHash('sha256').update(readFileSync(lockFile)).digest('hex')
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return
  process.stdout.write(`installing ${lockFile.slice(FOLDER.length)}\n`)
  await work()
  writeFileSync(stampFile, stamp)
}

async function run(command: string, args: readonly string[], options: SpawnOptions = {}): Promise<void> {
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

import { mkdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Client, FOLDER } from './clients.ts'
import { INSTALLED, run, unlessDone } from './steps.ts'

const PYTHON = process.env.PYTHON ?? 'python3.11'

/** What a program is run with, or why it cannot be. */
export type Runtime = Command | { readonly missing: string }

/** A command; its arguments where it runs what was built, and not a program of ours. */
export interface Command {
  readonly command: string
  readonly args: readonly string[]
}

/**
 * What the clients run with: Node's packages by their lock file, the environments of python/ that they name, and what go/ and
 * java/ are built to. Nothing that none of them needs, and again only what changed.
 */
export async function install(clients: readonly Client[]): Promise<ReadonlyMap<string, Runtime>> {
  const runtimes = new Map<string, Runtime>()
  for (const client of clients) {
    const name = runtimeOf(client)
    if (!runtimes.has(name)) runtimes.set(name, await installed(name, () => installFor(client)))
  }
  return runtimes
}

/** What a client needs to be run, by a name that those which need the same share. */
export function runtimeOf({ python, built, program }: Client): string {
  if (built !== undefined) return program
  return python === undefined ? 'node' : `python/${python}`
}

async function installed(name: string, work: () => Promise<Command>): Promise<Runtime> {
  try {
    return await work()
  } catch (error) {
    const missing = (error as Error).message
    process.stdout.write(`NOT RUN: clients of ${name}: ${missing}\n`)
    return { missing }
  }
}

async function installFor({ python, built, program }: Client): Promise<Command> {
  if (built === 'go') return buildGo(program)
  if (built === 'java') return buildJava(program)
  const command = python === undefined ? await installNode() : await installPython(python)
  return { command, args: [] }
}

/** Go keeps what it built and pins what it takes in go.sum, so that it is asked every time. */
async function buildGo(folder: string): Promise<Command> {
  const command = join(INSTALLED, folder, process.platform === 'win32' ? 'client.exe' : 'client')
  process.stdout.write(`building ${folder}\n`)
  await run('go', ['build', '-o', command, '.'], { cwd: join(FOLDER, folder) })
  return { command, args: [] }
}

async function buildJava(folder: string): Promise<Command> {
  process.stdout.write(`building ${folder}\n`)
  await run('mvn', ['-q', '-B', 'package'], {
    cwd: join(FOLDER, folder),
    shell: process.platform === 'win32',
  })
  return { command: 'java', args: ['-jar', join(INSTALLED, basename(folder), 'app.jar')] }
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
  const venv = join(INSTALLED, name)
  const python = join(venv, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')
  await unlessDone(join(venv, '.aforo-lock'), requirements, async () => {
    rmSync(venv, { recursive: true, force: true })
    mkdirSync(INSTALLED, { recursive: true })
    await run(PYTHON, ['-m', 'venv', venv])
    await run(python, ['-m', 'pip', 'install', '--quiet', '--no-deps', '--requirement', requirements])
  })
  return python
}

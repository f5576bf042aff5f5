import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { type AddressInfo, createServer as createListener } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createKey } from '../../schema/keys.ts'
import { type CheckWorld, putBudget, startWorld, until, use } from '../sidecar/start.ts'

const UP_MS_MAX = 60_000

/** A program to test with: what the variable names, else what the path has; null where there is none. */
export function findProgram(variable: string, ...names: readonly string[]): string | null {
  const given = process.env[variable]
  const found = (given ? [given] : names).find((name) => spawnSync(name, ['-h']).error === undefined)
  if (found === undefined && given) throw new Error(`${variable}=${given} is no program that runs here`)
  return found ?? null
}

/** An application that tells with what headers it was reached. */
export interface Application {
  readonly port: number
  readonly seen: IncomingHttpHeaders[]
  stop(): void
}

export async function startApplication(answer: object = { ran: true }): Promise<Application> {
  const seen: IncomingHttpHeaders[] = []
  const server = createServer((request, response) => {
    seen.push(request.headers)
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(answer))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    stop() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const listener = createListener().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  listener.close()
  await once(listener, 'close')
  return port
}

/** A check server with a key, and customer `acme` who may use product `open` but has used up product `spent`. */
export interface GuardedWorld extends CheckWorld {
  readonly key: string
}

export async function startGuardedWorld(): Promise<GuardedWorld> {
  const world = await startWorld()
  const { pool } = world.database
  await putBudget(pool, 'spent', { scope: { product: 'spent' }, unit: 'model_calls', limit: '3' })
  await putBudget(pool, 'open', { scope: { product: 'open' }, unit: 'model_calls', limit: '7' })
  await use(pool, 'spent', [], '3')
  const { secret } = await createKey(pool, { tenantId: 'default', role: 'check' })
  await until(async () => (await world.check({ customer: 'acme' })).status === 401)
  return { ...world, key: secret }
}

export interface Program {
  readonly folder: string
  stop(): Promise<void>
}

/**
 * Runs a program until it is up, in a folder that is removed with it. `arrange` writes into the folder and says how to
 * call it.
 * @throws Error with what it wrote where it ends or is not up in time
 */
export async function startProgram(
  command: string,
  arrange: (folder: string) => { readonly args: readonly string[]; readonly env?: Record<string, string> },
  isUp: () => Promise<boolean>,
): Promise<Program> {
  const folder = mkdtempSync(join(tmpdir(), 'aforo-door-'))
  const { args, env } = arrange(folder)
  const child: ChildProcess = spawn(command, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk) => (log += chunk))
  const ended = once(child, 'exit')
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM')
      await ended
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
  const deadline = performance.now() + UP_MS_MAX
  while (!(await isUp().catch(() => false))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await stop()
      throw new Error(`${command} did not come up:\n${log}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return { folder, stop }
}

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { AforoError } from '../../core/errors.ts'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'
import { settleLeftover } from './leftover.ts'
import { freePort } from './port.ts'
import { type Postmaster, startPostmaster } from './postmaster.ts'

/** A zombie keeps the old lock until its parent collects it, and dying backends keep the shared memory. */
const PASSING_MS_MAX = 10_000
const PASSING = /lock file .* already exists|pre-existing shared memory block/
const PORT_TAKEN = /could not bind|could not create any TCP\/IP sockets|Address already in use/
const PORT_FILE = 'aforo-port'
const LOG_FILE = 'postgres.log'

export interface ServerOptions {
  readonly dir: string
  readonly password: string
  readonly binaries: Binaries
  readonly account: Account
  readonly settings: Readonly<Record<string, string>>
  readonly log: (line: string) => void
}

export interface Server {
  readonly pid: number
  readonly port: number
  readonly logFile: string
}

/** Goes on with the server a killed Aforo left behind, or starts one. Call it only under the folder's lock. */
export async function adoptOrStart(options: ServerOptions): Promise<Server> {
  const { dir, log } = options
  const logFile = join(dir, LOG_FILE)
  const deadlineMs = Date.now() + PASSING_MS_MAX
  let port = await freePort(readPort(dir))
  for (;;) {
    const left = await settleLeftover(dir, options.password, log)
    if (left !== undefined) return { ...left, logFile }
    const postmaster = await startPostmaster({ ...options, port, logFile })
    if ('pid' in postmaster) {
      writeFileSync(join(dir, PORT_FILE), `${port}\n`)
      return { pid: postmaster.pid, port, logFile }
    }
    port = await portAfter(postmaster, port, deadlineMs)
  }
}

/** Waits where waiting helps, takes another port where that helps, and throws otherwise. */
async function portAfter(failed: Extract<Postmaster, { said: string }>, port: number, deadlineMs: number) {
  const isPassing = PASSING.test(failed.said)
  const isPort = PORT_TAKEN.test(failed.said)
  if (Date.now() >= deadlineMs || (!isPassing && !isPort)) {
    throw new AforoError(
      'unavailable',
      `PostgreSQL did not start: ${failed.said.trim() || 'it said nothing'}`,
    )
  }
  await sleep(200)
  return isPort ? freePort() : port
}

/** Port of the last server started over the cluster. */
export function readPort(dir: string): number | undefined {
  try {
    const port = Number(readFileSync(join(dir, PORT_FILE), 'utf8'))
    return port > 0 && port < 65_536 ? port : undefined
  } catch {
    return undefined
  }
}

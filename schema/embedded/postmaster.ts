import type { ChildProcess } from 'node:child_process'
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { AforoError } from '../../core/errors.ts'
import { spawnAs } from './account.ts'
import { programOf } from './binaries.ts'
import { readPidFile } from './pidfile.ts'
import type { ServerOptions } from './server.ts'
import { startSettings } from './settings.ts'

const POLL_MS = 15
/** Recovery after a crash reads at most max_wal_size; this is far above that. */
const START_MS_MAX = 5 * 60_000
const REPORT_MS = 10_000

/** Started, or what it said before it gave up. */
export type Postmaster = { readonly pid: number } | { readonly said: string }

/**
 * Starts a postmaster and waits until it takes connections. It is detached: a Ctrl-C in the terminal is for us, and
 * the database must outlast our draining.
 */
export async function startPostmaster(
  options: ServerOptions & { readonly port: number; readonly logFile: string },
): Promise<Postmaster> {
  const { binaries, account, dir, log } = options
  const output = openSync(options.logFile, 'a', 0o600)
  const before = fstatSync(output).size
  const args = ['-D', dir, ...startSettings(options.port, options.settings)]
  const child = spawnAs(account, programOf(binaries, 'postgres'), args, {
    stdio: ['ignore', output, output],
    detached: true,
  })
  closeSync(output)
  const end = watchEnd(child)
  const startedMs = Date.now()
  for (let reportMs = startedMs + REPORT_MS; end.how === undefined; await sleep(POLL_MS)) {
    const said = readPidFile(dir)
    if (said?.pid === child.pid && said?.ready) {
      child.unref()
      return { pid: said.pid }
    }
    const nowMs = Date.now()
    if (nowMs - startedMs > START_MS_MAX) {
      child.kill('SIGQUIT')
      throw new AforoError('unavailable', `PostgreSQL did not get ready; see ${options.logFile}`)
    }
    if (nowMs >= reportMs) {
      log('PostgreSQL is still starting (recovering after a crash, perhaps)')
      reportMs = nowMs + REPORT_MS
    }
  }
  const said = readFileSync(options.logFile).subarray(before).toString().slice(-2000)
  return { said: `${said}${end.how}` }
}

function watchEnd(child: ChildProcess): { how: string | undefined } {
  const end: { how: string | undefined } = { how: undefined }
  child.once('error', (error) => {
    end.how = error.message
  })
  child.once('exit', (code, signal) => {
    end.how = `(ended with ${signal ?? code})`
  })
  return end
}

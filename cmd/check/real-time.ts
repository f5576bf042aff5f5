import { execFile } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { Gauge, type Registry } from 'prom-client'
import type { Config } from '../../core/config.ts'
import type { Log } from '../../core/log.ts'

/** The lowest there is: it goes before whatever has no real-time priority, and after whatever has one. */
const PRIORITY = '1'
const ASK_MS_MAX = 5_000

/**
 * Has Linux run the calling thread as soon as it has something to do. Its scheduler lets whoever computes go on for
 * milliseconds before it turns to one that woke up, whatever the niceness of both; a decision takes microseconds.
 * What the thread starts later is not raised with it, nor are V8's helpers: from then on the process collects young objects
 * without them, as a collection that waits for a helper that waits for a core stops the thread for tens of milliseconds.
 * @returns null, or why all stays as it is: another system, or a user without the right (RLIMIT_RTPRIO, CAP_SYS_NICE)
 */
export async function raiseThread(platform: NodeJS.Platform = process.platform): Promise<string | null> {
  if (platform !== 'linux') return `is not known on ${platform}`
  try {
    // Node has no name for a thread of the system, nor a call for its class.
    const [, , thread] = readlinkSync('/proc/thread-self').split('/')
    const args = ['--reset-on-fork', '--rr', '--pid', PRIORITY, thread!]
    await promisify(execFile)('chrt', args, { timeout: ASK_MS_MAX })
    setFlagsFromString('--no-parallel-scavenge')
    return null
  } catch (error) {
    const { stderr, code } = error as { readonly stderr?: string; readonly code?: unknown }
    return stderr?.trim() || (code === 'ENOENT' ? 'there is no chrt' : String(error))
  }
}

/** Raises the thread of the check where that is wanted and allowed; the gauge `aforo_check_real_time` tells whether it is. */
export async function raiseCheck(
  wanted: Config['checkRealTime'],
  registry: Registry,
  log: Log,
): Promise<void> {
  const gauge = new Gauge({
    name: 'aforo_check_real_time',
    help: 'Whether the thread of the check goes before whatever has no real-time priority.',
    registers: [registry],
  })
  if (wanted === 'off') return
  const reason = await raiseThread()
  if (reason === null) gauge.set(1)
  else log.info({ reason }, 'the check has no real-time priority')
}

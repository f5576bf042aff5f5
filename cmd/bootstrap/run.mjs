// Runs one program with our own input and output, passes signals on, and ends as it ended.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'

/** The same signal again within this time is an echo (a terminal signals the whole group, npm passes it on too). */
const ECHO_MS = 1000
const PARENT_POLL_MS = 500
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']
const LEAVE_WITH_PARENT = new URL('./leave-with-parent.mjs', import.meta.url).href
const isWindows = process.platform === 'win32'

/**
 * Runs a Node program. It lives in a process group of its own, so that a signal reaches it through us alone and so
 * exactly once; it holds a pipe to us, so that it does not outlive us even if we are killed outright.
 * @param {string} node path of the executable
 * @param {readonly string[]} args
 */
export function runToEnd(
  node,
  args,
  { stdio = ['inherit', 'inherit', 'inherit'], cwd = process.cwd() } = {},
) {
  const env = { ...process.env, AFORO_PARENT_FD: '3' }
  const options = { cwd, env, stdio: [...stdio, 'pipe'], detached: !isWindows }
  return watch(spawn(node, ['--import', LEAVE_WITH_PARENT, ...args], options))
}

/**
 * Waits for a child to end and passes on the signals we get meanwhile.
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<{code: number | null, signal: NodeJS.Signals | null}>}
 */
export function watch(child) {
  const lastPassedMs = new Map()
  const pass = (signal) => {
    const now = Date.now()
    if (now - (lastPassedMs.get(signal) ?? Number.NEGATIVE_INFINITY) < ECHO_MS) return
    lastPassedMs.set(signal, now)
    // On Windows the console has told the child already, and kill() would end it without a chance to drain.
    if (!isWindows) child.kill(signal)
  }
  for (const signal of SIGNALS) process.on(signal, pass)
  // Not after a signal: then npm went because of it, and to the child another one would mean hurry.
  const poll = whenOrphaned(() => lastPassedMs.size === 0 && pass('SIGTERM'))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve({ code, signal }))
  }).finally(() => {
    clearInterval(poll)
    for (const signal of SIGNALS) process.off(signal, pass)
  })
}

/** Ends this process the way the child ended. */
export function endAs({ code, signal }) {
  if (signal === null) process.exit(code ?? 1)
  process.kill(process.pid, signal)
  // Reached while the signal is on its way, or where it is one that does not end a process.
  setTimeout(() => process.exit(128 + (constants.signals[signal] ?? 0)), 200)
}

/** npm that was killed outright tells nobody; a shell that ended (nohup, a daemon) is no reason to leave. */
function whenOrphaned(leave) {
  if (process.env.npm_lifecycle_event === undefined) return undefined
  const parent = process.ppid
  return setInterval(() => process.ppid !== parent && leave(), PARENT_POLL_MS).unref()
}

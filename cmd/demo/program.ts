import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** Ends a program whose parent was killed outright. */
const LEAVE_WITH_PARENT = new URL('../bootstrap/leave-with-parent.mjs', import.meta.url).href
const STDERR_LINES_KEPT = 20
const STOP_MS = 10_000

export interface Program {
  /** The first line on its standard output. Rejects where it ends without one or takes longer than `timeoutMs`. */
  firstLine(timeoutMs: number): Promise<string>
  /** Resolves when it ends with code 0, rejects with what it last said on standard error otherwise. */
  ended(timeoutMs: number): Promise<void>
  /** Asks it to stop, waits, and ends it the hard way if it does not. */
  stop(): Promise<void>
}

/**
 * Starts a TypeScript file of ours with the running Node. It gets a process group of its own, so that a Ctrl-C on the
 * terminal reaches it through us alone and exactly once.
 */
export function startProgram(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Program {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const child = spawn(process.execPath, ['--import', LEAVE_WITH_PARENT, path, ...args], {
    env: { ...env, AFORO_PARENT_FD: '3' },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: process.platform !== 'win32',
  })
  const complaints: string[] = []
  createInterface({ input: child.stderr! }).on('line', (line) => {
    complaints.push(line)
    if (complaints.length > STDERR_LINES_KEPT) complaints.shift()
  })
  const output = createInterface({ input: child.stdout! })
  const line = once(output, 'line').then(([first]) => String(first))
  const exit = exitOf(child)
  const failure = async (outcome: string) => {
    throw new Error([`${file} ${outcome}`, ...complaints].join('\n  '))
  }
  // Neither is waited for by everyone who starts a program.
  line.catch(() => {})
  exit.catch(() => {})
  return {
    firstLine: (timeoutMs) =>
      within(timeoutMs, Promise.race([line, exit.then((how) => failure(`ended (${how})`))]), () =>
        failure(`said nothing for ${timeoutMs} ms`),
      ),
    ended: (timeoutMs) =>
      within(
        timeoutMs,
        exit.then((how) => (how === 'code 0' ? undefined : failure(`failed (${how})`))),
        () => failure(`did not end within ${timeoutMs} ms`),
      ),
    async stop() {
      child.kill('SIGTERM')
      await within(
        STOP_MS,
        exit.then(() => {}),
        async () => killGroup(child),
      )
    },
  }
}

/** Our environment without what would point a program at another Aforo, database, exporter or model. */
export function ownEnvironment(): Record<string, string | undefined> {
  const foreign = /^(AFORO_|OTEL_|ANTHROPIC_|DATABASE_URL$)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)))
}

/** `code 0`, `signal SIGTERM` */
async function exitOf(child: ChildProcess): Promise<string> {
  const [code, signal] = await once(child, 'exit')
  return signal === null ? `code ${code}` : `signal ${signal}`
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  if (process.platform === 'win32') child.kill('SIGKILL')
  else process.kill(-child.pid, 'SIGKILL')
}

/** What `promise` gives, or what `late` does when that takes too long. */
async function within<T>(timeoutMs: number, promise: Promise<T>, late: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, 'late')
  })
  try {
    const first = await Promise.race([promise, tooLong])
    return first === 'late' ? await late() : (first as T)
  } finally {
    clearTimeout(timer)
  }
}

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const AFORO = fileURLToPath(new URL('../../cmd/aforo.ts', import.meta.url))
const LISTENING_MS_MAX = 150_000

/** A running `aforo` process and where it listens. */
export interface AforoProcess {
  readonly child: ChildProcess
  readonly ports: Readonly<Record<string, number>>
  /** What it wrote to stderr so far. */
  log(): string
  /** Sends the signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/** Runs `aforo <role>` on free ports and waits until it listens. The settings add to, and override, the test's. */
export async function runAforo(
  role: string,
  settings: Record<string, string>,
  args: readonly string[] = [],
): Promise<AforoProcess> {
  const free = '127.0.0.1:0'
  const child = spawn(process.execPath, [AFORO, role, ...args], {
    env: {
      ...environment(),
      AFORO_OTLP_HTTP_ADDR: free,
      AFORO_OTLP_GRPC_ADDR: free,
      AFORO_API_ADDR: free,
      AFORO_CHECK_ADDR: free,
      AFORO_AUTHZ_GRPC_ADDR: free,
      AFORO_CUT_QUIET_MS: '50',
      AFORO_CUT_IDLE_MS: '300',
      AFORO_LOG: 'warn',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  child.stderr.on('data', (chunk) => {
    log += chunk
  })
  // A test whose time is over before it knows of its processes leaves none.
  const leave = () => child.kill('SIGKILL')
  process.once('exit', leave)
  child.once('exit', () => process.off('exit', leave))
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  const ports = await listening(child, ended, () => log)
  return {
    child,
    ports,
    log: () => log,
    async end(signal) {
      child.kill(signal)
      const [code, by] = await ended
      return { code, signal: by }
    },
  }
}

/** Runs a command of `aforo` to its end; what it printed on stdout. */
export async function runCommand(args: readonly string[], settings: Record<string, string>): Promise<string> {
  const env = { ...environment(), AFORO_LOG: 'warn', ...settings }
  try {
    return (await promisify(execFile)(process.execPath, [AFORO, ...args], { env })).stdout
  } catch (error) {
    // What it found is on stdout, and a test that did not expect it says no more than this.
    const { stdout } = error as { stdout: string }
    if (error instanceof Error && stdout) error.message += `\n${stdout}`
    throw error
  }
}

/** Ours without what vitest puts there for its own workers. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, VITEST: __, ...inherited } = process.env
  return inherited
}

function listening(
  child: ChildProcess,
  ended: Promise<unknown>,
  log: () => string,
): Promise<Readonly<Record<string, number>>> {
  return new Promise((resolve, reject) => {
    let text = ''
    const late = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`not listening in time: ${log()}`))
    }, LISTENING_MS_MAX)
    child.stdout!.on('data', (chunk) => {
      text += chunk
      const line = /^\{"event":"listening".*\}$/m.exec(text)
      if (!line) return
      clearTimeout(late)
      resolve(JSON.parse(line[0]))
    })
    void ended.then(() => {
      clearTimeout(late)
      reject(new Error(`ended before it listened: ${log()}`))
    })
  })
}

import { existsSync } from 'node:fs'
import { type AforoProcess, runAforo } from '../e2e/process.ts'
import { type Relay, startRelay } from '../support/relay.ts'

/** A process that may be killed and started again at the same ports. */
export interface Kept {
  readonly name: string
  /** Where its check is asked. */
  readonly url: string
  readonly process: AforoProcess
  /** What all processes of it wrote to stderr so far. */
  log(): string
  /** SIGKILL; nothing is told or given back. */
  kill(): Promise<void>
  restart(): Promise<void>
}

/** A sidecar, and its link to the centre. */
export interface Beside extends Kept {
  readonly link: Relay
}

/** One `aforo serve` and the sidecars beside its clients. */
export interface Fleet {
  readonly serve: Kept
  readonly sidecars: readonly Beside[]
  /** Ends everything at once. */
  stop(): Promise<void>
}

const PORTS = {
  otlp_http: 'AFORO_OTLP_HTTP_ADDR',
  otlp_grpc: 'AFORO_OTLP_GRPC_ADDR',
  api: 'AFORO_API_ADDR',
  check: 'AFORO_CHECK_ADDR',
}

/**
 * Starts an `aforo serve` over a database and sidecars of it.
 * @param settings of each sidecar, by its number
 */
export async function startFleet(
  databaseUrl: string,
  count: number,
  settings: (no: number) => Record<string, string> = () => ({}),
  serveSettings: Record<string, string> = {},
  args: readonly string[] = [],
): Promise<Fleet> {
  const serve = await keep('serve', 'serve', { DATABASE_URL: databaseUrl, ...serveSettings }, [])
  const starting = Array.from({ length: count }, async (_, no): Promise<Beside> => {
    const link = await startRelay(serve.process.ports.check!)
    const upstream = ['--upstream', `http://127.0.0.1:${link.port}`, ...args]
    return Object.assign(await keep(`sidecar ${no}`, 'sidecar', settings(no), upstream), { link })
  })
  const started = await Promise.allSettled(starting)
  const sidecars = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const stop = async () => {
    await Promise.all([serve, ...sidecars].map((kept) => kept.kill()))
    for (const { link } of sidecars) await link.stop()
  }
  const failed = started.find((one) => one.status === 'rejected')
  if (failed) {
    await stop()
    throw failed.reason
  }
  return { serve, sidecars, stop }
}

async function keep(
  name: string,
  role: string,
  settings: Record<string, string>,
  args: readonly string[],
): Promise<Kept> {
  let process = await runAforo(role, settings, args)
  let before = ''
  let starting = Promise.resolve()
  const ports: Record<string, string> = {}
  for (const [port, setting] of Object.entries(PORTS)) {
    const given = process.ports[port]
    if (given !== undefined) ports[setting] = `127.0.0.1:${given}`
  }
  return {
    name,
    url: `http://127.0.0.1:${process.ports.check}`,
    log: () => before + process.log(),
    get process() {
      return process
    },
    async kill() {
      // A test that fails may end while it starts again.
      await starting.catch(() => {})
      const { exitCode, signalCode } = process.child
      if (exitCode === null && signalCode === null) await process.end('SIGKILL')
    },
    restart() {
      before += process.log()
      starting = runAforo(role, { ...settings, ...ports }, args).then((again) => {
        process = again
      })
      return starting
    },
  }
}

const FAKETIME = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
]

/** What makes a process see another time of day, as `+1h`; null where this machine has no libfaketime. */
export function clockOff(by: string): Record<string, string> | null {
  const library = process.env.FAKETIME_LIBRARY ?? FAKETIME.find((path) => existsSync(path))
  if (library === undefined) return null
  // A machine whose clock is wrong counts seconds all the same.
  return { LD_PRELOAD: library, FAKETIME: by, FAKETIME_DONT_FAKE_MONOTONIC: '1' }
}

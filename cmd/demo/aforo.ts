import { chmodSync, mkdtempSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ownEnvironment, type Program, startProgram } from './program.ts'

const START_MS = 90_000
const CUT_QUIET_MS = '100'

interface RunningAforo {
  /** `host:port` of each. */
  readonly otlpHttp: string
  readonly api: string
  readonly check: string
}

/** An Aforo of its own: free ports, a database in a temporary directory, nothing left behind by `stop`. */
interface OwnAforo {
  ready(): Promise<RunningAforo>
  stop(): Promise<void>
}

/** Synchronous, so that there is no instant at which something was made that nobody holds to stop. */
export function startOwnAforo(): OwnAforo {
  const directory = mkdtempSync(join(tmpdir(), 'aforo-demo-'))
  // PostgreSQL refuses to run as root; the user it runs as must get through here to its own, closed directory.
  chmodSync(directory, 0o755)
  const program = startProgram('../aforo.ts', ['serve'], environment(directory))
  return {
    ready: async () => listening(program),
    async stop() {
      await program.stop()
      await removeData(directory)
    },
  }
}

function environment(directory: string): Record<string, string | undefined> {
  return {
    ...ownEnvironment(),
    AFORO_DATA_DIR: directory,
    AFORO_OTLP_HTTP_ADDR: '127.0.0.1:0',
    AFORO_OTLP_GRPC_ADDR: '127.0.0.1:0',
    AFORO_API_ADDR: '127.0.0.1:0',
    AFORO_CHECK_ADDR: '127.0.0.1:0',
    AFORO_AUTHZ_GRPC_ADDR: '127.0.0.1:0',
    AFORO_CUT_QUIET_MS: CUT_QUIET_MS,
    AFORO_TIMESCALE: 'off',
    AFORO_LOG: 'warn',
  }
}

async function listening(program: Program): Promise<RunningAforo> {
  const line = await program.firstLine(START_MS)
  const ports = JSON.parse(line) as Record<string, unknown>
  const [otlpHttp, api, check] = ['otlp_http', 'api', 'check'].map((name) => address(ports, name))
  return { otlpHttp: otlpHttp!, api: api!, check: check! }
}

/** Both `4318` and `127.0.0.1:4318` name an address on loopback. */
function address(ports: Readonly<Record<string, unknown>>, name: string): string {
  const told = String(ports[name] ?? '')
  if (/^\d+$/.test(told)) return `127.0.0.1:${told}`
  if (/^.+:\d+$/.test(told)) return told
  throw new Error(`Aforo does not tell where ${name} listens: ${JSON.stringify(ports)}`)
}

/** The data may lie elsewhere, where PostgreSQL's user cannot reach a directory of ours; a note says where. */
async function removeData(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.endsWith('.location')) continue
    const note = JSON.parse(await readFile(join(directory, name), 'utf8')) as { path: string }
    await rm(note.path, { recursive: true, force: true })
  }
  await rm(directory, { recursive: true, force: true, maxRetries: 3 })
}

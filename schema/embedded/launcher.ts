import { chmodSync, mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { AforoError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { type Account, accounts } from './account.ts'
import { type Binaries, listBinaries } from './binaries.ts'
import { ensureCluster } from './cluster.ts'
import { ensureDatabase, serverUrl } from './connect.ts'
import { lockFolder } from './lock.ts'
import { boundLog } from './log.ts'
import { placeCluster } from './place.ts'
import { prepareBinaries } from './prepare.ts'
import { adoptOrStart } from './server.ts'
import { stopPostmaster } from './stop.ts'

export const DATABASE = 'aforo'

export interface EmbeddedOptions {
  /** Folder of ours; the cluster lies in it as pgdata-<major>. Made if missing. */
  readonly dataDir: string
  /** Told what happens, never the password. */
  readonly log: Log
  /** Settings beyond the usual ones, such as fsync=off for tests. */
  readonly settings?: Readonly<Record<string, string>>
  /** How long to wait for another Aforo that is leaving. */
  readonly lockWaitMs?: number
  /** Where to look for PostgreSQL; by default the platform package, then the system's. */
  readonly binaries?: readonly Binaries[]
  /** Who may run it; by default we ourselves, or if we are root somebody else. */
  readonly accounts?: readonly Account[]
}

export interface Embedded {
  /** Holds the password: not for logs. */
  readonly url: string
  /** Where the cluster really lies; elsewhere than asked if PostgreSQL's user cannot go there. */
  readonly clusterDir: string
  readonly pid: number
  /** Fast shutdown, waited for. Safe to call twice. */
  stop(): Promise<void>
}

/**
 * Starts PostgreSQL on 127.0.0.1 with its data in `dataDir`, or goes on with the one a killed Aforo left running.
 * @throws AforoError `conflict` when another Aforo uses the folder or its data is of another major version;
 *   `unavailable` when there is no PostgreSQL to run or it does not start.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { settings = {} } = options
  const log = (line: string) => options.log.info({}, line)
  const folder = makeFolder(options.dataDir)
  const unlock = await lockFolder(folder, { waitMs: options.lockWaitMs ?? 5000, log })
  try {
    const { binaries, account } = chooseServer(options, log)
    const place = placeCluster(folder, binaries.major, account)
    const cluster = await ensureCluster({ place, binaries, account, log, sync: settings.fsync !== 'off' })
    const server = await adoptOrStart({ ...cluster, binaries, account, settings, log })
    await ensureDatabase(server.port, cluster.password, DATABASE)
    const unbound = boundLog(server.logFile)
    let stopping: Promise<void> | undefined
    const stop = () => {
      stopping ??= stopPostmaster(server.pid, cluster.dir, binaries, log).finally(() => {
        unbound()
        unlock()
      })
      return stopping
    }
    return {
      url: serverUrl(server.port, cluster.password, DATABASE),
      clusterDir: cluster.dir,
      pid: server.pid,
      stop,
    }
  } catch (error) {
    unlock()
    throw error
  }
}

/** A folder we make may be passed through by PostgreSQL's user, but not listed. */
function makeFolder(dataDir: string): string {
  const folder = resolve(dataDir)
  try {
    if (mkdirSync(folder, { recursive: true }) !== undefined) chmodSync(folder, 0o711)
  } catch (cause) {
    throw new AforoError('unavailable', `cannot make the data folder ${folder}`, { cause })
  }
  return folder
}

/** The first PostgreSQL that really runs, under the first account that can run it. */
function chooseServer(options: EmbeddedOptions, log: (line: string) => void) {
  const candidates = options.binaries ?? listBinaries()
  const refusals: string[] = []
  for (const account of options.accounts ?? accounts()) {
    for (const candidate of candidates) {
      const binaries = prepareBinaries(candidate, account, (why) => refusals.push(`${candidate.bin}: ${why}`))
      if (binaries === undefined) continue
      log(`PostgreSQL ${binaries.version} from ${binaries.bin}${describe(account)}`)
      return { binaries, account }
    }
  }
  throw new AforoError(
    'unavailable',
    `no PostgreSQL can be run on ${process.platform}-${process.arch}: set DATABASE_URL, or install PostgreSQL 15 or ` +
      `newer so that pg_config is found${refusals.length === 0 ? '' : ` (tried ${refusals.join('; ')})`}`,
  )
}

function describe(account: Account): string {
  if (account.kind === 'self') return ''
  return account.kind === 'other' ? ` as user ${account.uid}` : ' in a user namespace'
}

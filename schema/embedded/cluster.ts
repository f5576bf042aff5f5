import { randomBytes } from 'node:crypto'
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { AforoError } from '../../core/errors.ts'
import { type Account, spawnAs } from './account.ts'
import { type Binaries, programOf } from './binaries.ts'
import { OWNER } from './connect.ts'
import { confirmPlace, type Place } from './place.ts'
import { initialSettings } from './settings.ts'

const PASSWORD_FILE = 'aforo-password'

export interface Cluster {
  readonly dir: string
  readonly password: string
}

export interface ClusterOptions {
  readonly place: Place
  readonly binaries: Binaries
  readonly account: Account
  readonly log: (line: string) => void
  /** False only for data that may be lost. */
  readonly sync: boolean
}

/**
 * The cluster of a place, made if missing: under another name first and then renamed, so that a cluster is whole or
 * not there, whenever we are killed. Call it only under the folder's lock.
 */
export async function ensureCluster(options: ClusterOptions): Promise<Cluster> {
  const { dir } = options.place
  removeHalfMade(dir)
  if (!existsSync(join(dir, 'PG_VERSION'))) {
    if (existsSync(dir)) removeEmpty(dir)
    options.log(`creating the database in ${dir}`)
    await makeCluster(options)
  }
  confirmPlace(options.place)
  return { dir, password: readPassword(dir) }
}

export function readPassword(dir: string): string {
  return readFileSync(join(dir, PASSWORD_FILE), 'utf8').trim()
}

async function makeCluster(options: ClusterOptions): Promise<void> {
  const { binaries, account, place } = options
  const aside = `${place.dir}.init-${randomBytes(4).toString('hex')}`
  const password = randomBytes(24).toString('base64url')
  const passwordFile = `${aside}.password`
  mkdirSync(aside, { mode: 0o700 })
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 })
  if (account.kind === 'other') {
    for (const path of [aside, passwordFile]) chownSync(path, account.uid, account.gid)
  }
  const args = [
    '-D',
    aside,
    '-U',
    OWNER,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--no-locale',
    '-E',
    'UTF8',
  ]
  try {
    await initialise(account, programOf(binaries, 'initdb'), options.sync ? args : [...args, '--no-sync'])
  } finally {
    rmSync(passwordFile, { force: true })
  }
  writeFileSync(join(aside, PASSWORD_FILE), `${password}\n`, { mode: 0o600 })
  appendFileSync(join(aside, 'postgresql.conf'), initialSettings())
  renameSync(aside, place.dir)
}

function initialise(account: Account, initdb: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawnAs(account, initdb, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2000)
    })
    child.once('error', (cause) => reject(new AforoError('unavailable', 'initdb cannot be run', { cause })))
    child.once('close', (code) => {
      if (code === 0) resolve()
      else reject(new AforoError('unavailable', `initdb failed (${code}): ${said.trim()}`))
    })
  })
}

/** What was begun by an Aforo that was killed. Its initdb may still be writing; then the next start has another go. */
function removeHalfMade(dir: string): void {
  for (const name of readdirSync(dirname(dir))) {
    if (!name.startsWith(`${basename(dir)}.init-`)) continue
    try {
      rmSync(join(dirname(dir), name), { recursive: true, force: true, maxRetries: 3 })
    } catch {
      // Of no consequence: a new one gets a new name.
    }
  }
}

function removeEmpty(dir: string): void {
  try {
    rmdirSync(dir)
  } catch (cause) {
    throw new AforoError('conflict', `${dir} is there but holds no PostgreSQL data; move it away`, { cause })
  }
}

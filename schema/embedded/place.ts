import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AforoError } from '../../core/errors.ts'
import { type Account, canEnter } from './account.ts'
import { ownFolders } from './folders.ts'

/** Where the cluster lies, and the note that says so where it is not in the data folder itself. */
export interface Place {
  readonly dir: string
  readonly note?: string
}

interface Note {
  readonly path: string
  /** False while it is being made, when it may be missing still. */
  readonly made: boolean
}

/**
 * In the data folder, named for the major version that alone can read it. Where PostgreSQL's user cannot go there,
 * in a folder it can reach, found again by a note in the data folder; a new folder never finds the data of a
 * deleted one that had the same path.
 * @throws AforoError `conflict` when the folder holds another major's data or the noted data is gone
 */
export function placeCluster(folder: string, major: number, account: Account): Place {
  const wanted = join(folder, `pgdata-${major}`)
  const note = `${wanted}.location`
  refuseOtherMajor(folder, major)
  const known = readNote(note)
  if (known !== undefined) {
    if (!known.made || existsSync(join(known.path, 'PG_VERSION'))) return { dir: known.path, note }
    throw new AforoError(
      'conflict',
      `${note} says the data lies in ${known.path}, where it is no more; delete the note to begin with nothing`,
    )
  }
  if (existsSync(join(wanted, 'PG_VERSION')) || canEnter(account, folder)) return { dir: wanted }
  const own = enterable(account)
  if (own === undefined) {
    throw new AforoError(
      'unavailable',
      `PostgreSQL's user cannot enter ${folder}; set AFORO_DATA_DIR to where it can`,
    )
  }
  const hash = createHash('sha256').update(folder).digest('hex').slice(0, 12)
  const path = join(own, `pgdata-${major}-${hash}-${randomBytes(4).toString('hex')}`)
  writeNote(note, { path, made: false })
  return { dir: path, note }
}

/** Where clusters of the folder lie, whatever major made them: for looking at, not for starting. */
export function knownClusters(folder: string): string[] {
  const names = existsSync(folder) ? readdirSync(folder) : []
  return names.flatMap((name) => {
    if (/^pgdata-\d+$/.test(name)) return [join(folder, name)]
    const noted = /^pgdata-\d+\.location$/.test(name) ? readNote(join(folder, name)) : undefined
    return noted?.made ? [noted.path] : []
  })
}

/** Called when the cluster is there. */
export function confirmPlace(place: Place): void {
  if (place.note !== undefined && readNote(place.note)?.made !== true) {
    writeNote(place.note, { path: place.dir, made: true })
  }
}

function enterable(account: Account): string | undefined {
  for (const folder of ownFolders()) if (canEnter(account, folder)) return folder
  return undefined
}

function refuseOtherMajor(folder: string, major: number): void {
  const others = readdirSync(folder).flatMap((name) => /^pgdata-(\d+)(\.location)?$/.exec(name)?.[1] ?? [])
  if (others.length === 0 || others.includes(String(major))) return
  throw new AforoError(
    'conflict',
    `${folder} holds data of PostgreSQL ${others.join(', ')}, and here is PostgreSQL ${major}, which cannot read it: ` +
      'install that version, or set another AFORO_DATA_DIR',
  )
}

function readNote(file: string): Note | undefined {
  if (!existsSync(file)) return undefined
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Note
  } catch (cause) {
    throw new AforoError('conflict', `${file} cannot be read`, { cause })
  }
}

function writeNote(file: string, note: Note): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(note)}\n`)
  renameSync(`${file}.new`, file)
}

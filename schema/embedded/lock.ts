import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { AforoError } from '../../core/errors.ts'
import { startOf } from './process.ts'

const FILE = 'aforo.lock'
const POLL_MS = 100
const BEAT_MS = 5000
/** Of another host (a container on the same volume) we see only whether the lock is kept fresh. */
const STALE_MS = 20_000

interface Holder {
  readonly pid: number
  /** When the process started: a number used again is another process. */
  readonly start: string
  readonly host: string
}

/**
 * Takes the folder for this process until the function returned is called or the process ends, however it ends.
 * @throws AforoError `conflict` when another process still has it after `waitMs`
 */
export async function lockFolder(
  folder: string,
  options: { readonly waitMs: number; readonly log: (line: string) => void },
): Promise<() => void> {
  const file = join(folder, FILE)
  const holder: Holder = { pid: process.pid, start: startOf(process.pid) ?? '', host: hostname() }
  const deadlineMs = Date.now() + options.waitMs
  for (let waited = false; !create(file, holder); ) {
    if (removeIfStale(file)) continue
    if (Date.now() >= deadlineMs) {
      throw new AforoError(
        'conflict',
        `another Aforo (process ${read(file)?.pid ?? 'unknown'}) uses ${folder}`,
      )
    }
    if (!waited) options.log(`waiting for another Aforo to leave ${folder}`)
    waited = true
    await sleep(POLL_MS)
  }
  const beat = setInterval(() => refresh(file), BEAT_MS).unref()
  return () => {
    clearInterval(beat)
    if (read(file)?.pid === holder.pid) rmSync(file, { force: true })
  }
}

function create(file: string, holder: Holder): boolean {
  try {
    writeFileSync(file, `${JSON.stringify(holder)}\n`, { flag: 'wx' })
    return true
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw new AforoError('unavailable', `cannot write ${file}`, { cause })
  }
}

/** Renaming lets exactly one of several take a stale lock away; each then tries to make its own. */
function removeIfStale(file: string): boolean {
  if (!isStale(file)) return false
  const aside = `${file}.${process.pid}`
  try {
    renameSync(file, aside)
    // Another may have taken it over since we looked: then what we hold is theirs, and goes back.
    if (!isStale(aside)) linkSync(aside, file)
    rmSync(aside, { force: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error
  }
  return true
}

function isStale(file: string): boolean {
  const holder = read(file)
  if (holder !== undefined && holder.host === hostname()) return startOf(holder.pid) !== holder.start
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat !== undefined && Date.now() - stat.mtimeMs > STALE_MS
}

function read(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder
  } catch {
    return undefined
  }
}

function refresh(file: string): void {
  try {
    const now = new Date()
    utimesSync(file, now, now)
  } catch {
    // Gone with its folder: nothing is left to keep.
  }
}

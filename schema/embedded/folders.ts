import { lstatSync, mkdirSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Folders of our own outside the data folder, the lasting ones first: for root they are such that any user can go into
 * them. Each is made when it is come to. One that somebody else made or may write to is left out, since programs are run
 * from it.
 */
export function* ownFolders(): Generator<string> {
  const uid = process.getuid?.() ?? 0
  const cache = process.env.XDG_CACHE_HOME || cacheAtHome()
  const lasting = process.getuid?.() === 0 ? '/var/lib/aforo' : cache && join(cache, 'aforo')
  for (const folder of [lasting, join(tmpdir(), `aforo-${uid}`)]) {
    if (folder !== null && makeOwn(folder, uid)) yield folder
  }
}

/** Null: who we are has no home, as a number that a container runs as and nobody named. */
function cacheAtHome(): string | null {
  try {
    return join(homedir(), '.cache')
  } catch {
    return null
  }
}

function makeOwn(folder: string, uid: number): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 })
    const stat = lstatSync(folder)
    if (process.platform === 'win32') return stat.isDirectory()
    return stat.isDirectory() && stat.uid === uid && (stat.mode & 0o022) === 0
  } catch {
    return false
  }
}

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
  const isRoot = process.getuid?.() === 0
  const lasting = isRoot
    ? '/var/lib/aforo'
    : join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'aforo')
  for (const folder of [lasting, join(tmpdir(), `aforo-${uid}`)]) if (makeOwn(folder, uid)) yield folder
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

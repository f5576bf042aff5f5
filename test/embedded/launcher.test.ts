import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isRunning } from '../../schema/embedded/process.ts'
import { Folder, killed, query } from './folder.ts'

let folder: Folder

beforeEach(() => {
  folder = new Folder()
})
afterEach(() => folder.remove())

describe('an embedded database', () => {
  it('is durable, in UTC and UTF8, and on loopback only', async () => {
    const { url, clusterDir } = await folder.start()
    const settings = [
      'fsync',
      'synchronous_commit',
      'full_page_writes',
      'listen_addresses',
      'unix_socket_directories',
      'timezone',
      'server_encoding',
      'password_encryption',
    ]
    const rows = await query(
      url,
      settings.map((name) => `select current_setting('${name}') as value`).join(' union all '),
    )
    expect(rows.map((row) => row.value)).toEqual([
      'on',
      'on',
      'on',
      '127.0.0.1',
      '',
      'UTC',
      'UTF8',
      'scram-sha-256',
    ])
    expect(clusterDir).toBe(join(folder.path, 'pgdata-18'))
  })

  it('takes only its password, which is kept from others and never told', async () => {
    const { url, clusterDir } = await folder.start()
    const password = new URL(url).password
    expect(password.length).toBeGreaterThanOrEqual(32)
    expect(statSync(join(clusterDir, 'aforo-password')).mode & 0o777).toBe(0o600)
    expect(statSync(clusterDir).mode & 0o777).toBe(0o700)
    await expect(query(url.replace(password, 'guess'), 'select 1')).rejects.toMatchObject({ code: '28P01' })
    expect(folder.lines.join() + readFileSync(join(clusterDir, 'postgres.log'))).not.toContain(password)
  })

  it('keeps its data and its address over a stop, which leaves nothing running', async () => {
    const first = await folder.start()
    await query(first.url, 'create table kept as select 42 as n')
    await Promise.all([first.stop(), first.stop()])
    expect(isRunning(first.pid)).toBe(false)
    expect(readdirSync(folder.path)).toEqual(['pgdata-18'])
    const second = await folder.start()
    expect(second.url).toBe(first.url)
    expect(await query(second.url, 'select n from kept')).toEqual([{ n: 42 }])
  })

  it('is not shared by a second Aforo, until the first has left', async () => {
    const { child } = await folder.hold()
    await expect(folder.start()).rejects.toMatchObject({ code: 'conflict' })
    child.stdin?.end()
    await expect(folder.start({ lockWaitMs: 60_000 })).resolves.toBeDefined()
  })

  it('is not begun over data of another major version, or over files of somebody else', async () => {
    mkdirSync(join(folder.path, 'pgdata-17'))
    await expect(folder.start()).rejects.toMatchObject({ code: 'conflict' })
    mkdirSync(join(folder.path, 'pgdata-18'))
    writeFileSync(join(folder.path, 'pgdata-18/thesis.txt'), '')
    await expect(folder.start()).rejects.toMatchObject({ code: 'conflict' })
  })

  it('is said to be missing where there is none', async () => {
    await expect(folder.start({ binaries: [] })).rejects.toMatchObject({
      code: 'unavailable',
      message: /DATABASE_URL/,
    })
  })
})

describe('after kill -9', () => {
  it('of Aforo its database is gone on with', async () => {
    const { child, pid, url } = await folder.hold()
    await query(url, 'create table kept as select 42 as n')
    await killed(child)
    expect(isRunning(pid)).toBe(true)
    const again = await folder.start()
    expect([again.pid, again.url]).toEqual([pid, url])
    expect(await query(again.url, 'select n from kept')).toEqual([{ n: 42 }])
    await again.stop()
    expect(isRunning(pid)).toBe(false)
  })

  it('of Aforo and the database what was acknowledged is there', async () => {
    const { child, pid, url } = await folder.hold()
    await query(url, 'create table kept as select 42 as n')
    process.kill(pid, 'SIGKILL')
    await killed(child)
    const again = await folder.start()
    expect(again.pid).not.toBe(pid)
    expect(await query(again.url, 'select n from kept')).toEqual([{ n: 42 }])
  })

  it('of everything while the cluster is being made, the next start makes it', async () => {
    const child = folder.spawnHolder()
    const isMaking = () => readdirSync(folder.path).some((name) => name.includes('.init-'))
    await expect.poll(isMaking, { interval: 5 }).toBe(true)
    await killed(child)
    expect(readdirSync(folder.path)).not.toContain('pgdata-18')
    const { url } = await folder.start()
    expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  it('a number that now belongs to another process is not taken for the database', async () => {
    const first = await folder.start()
    const pidFile = readFileSync(join(first.clusterDir, 'postmaster.pid'), 'utf8')
    await first.stop()
    writeFileSync(
      join(first.clusterDir, 'postmaster.pid'),
      pidFile.replace(String(first.pid), String(process.ppid)),
    )
    const again = await folder.start()
    expect(again.pid).not.toBe(process.ppid)
    expect(isRunning(process.ppid)).toBe(true)
  })
})

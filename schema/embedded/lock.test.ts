import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { lockFolder } from './lock.ts'
import { startOf } from './process.ts'

let folder: string
let file: string
const quick = { waitMs: 0, log: () => {} }

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aforo-lock-'))
  file = join(folder, 'aforo.lock')
})
afterEach(() => rmSync(folder, { recursive: true }))

const leave = (holder: object | string) =>
  writeFileSync(file, typeof holder === 'string' ? holder : JSON.stringify(holder))

it('has one holder, and the next one when it is given back', async () => {
  const unlock = await lockFolder(folder, quick)
  await expect(lockFolder(folder, quick)).rejects.toMatchObject({ code: 'conflict' })
  const next = lockFolder(folder, { waitMs: 5000, log: () => {} })
  unlock()
  const unlockNext = await next
  unlockNext()
  expect(existsSync(file)).toBe(false)
})

it('is taken from a dead process', async () => {
  leave({ pid: spawnSync(process.execPath, ['-e', '']).pid, start: 'once', host: hostname() })
  await expect(lockFolder(folder, quick)).resolves.toBeTypeOf('function')
})

it('is taken from a process whose number another one has now', async () => {
  leave({ pid: process.ppid, start: 'before', host: hostname() })
  await expect(lockFolder(folder, quick)).resolves.toBeTypeOf('function')
})

it('is not taken from a process that runs', async () => {
  leave({ pid: process.ppid, start: startOf(process.ppid), host: hostname() })
  await expect(lockFolder(folder, quick)).rejects.toMatchObject({ code: 'conflict' })
})

it.each([
  ['of another host', { pid: 1, start: '', host: 'elsewhere' }],
  ['that cannot be read', '{"pid":'],
])('%s is taken only when nobody has kept it fresh', async (_, holder) => {
  leave(holder)
  await expect(lockFolder(folder, quick)).rejects.toMatchObject({ code: 'conflict' })
  const longAgo = new Date(Date.now() - 60_000)
  utimesSync(file, longAgo, longAgo)
  await expect(lockFolder(folder, quick)).resolves.toBeTypeOf('function')
})

it('has one winner when many find it stale at once', async () => {
  leave({ pid: process.ppid, start: 'before', host: hostname() })
  const tries = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder, quick)))
  expect(tries.filter((one) => one.status === 'fulfilled')).toHaveLength(1)
})

import { realpathSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { serves } from './connect.ts'
import { type PidFile, pidFilePath, readPidFile } from './pidfile.ts'
import { isKnown, isRunning, processesIn } from './process.ts'
import { endPostmaster } from './stop.ts'

const POLL_MS = 100
/** An orphan may be in the middle of starting, or busy. */
const ANSWER_MS_MAX = 15_000
/** Backends of a killed postmaster notice and leave. */
const LEAVE_MS_MAX = 10_000

/**
 * What a killed Aforo left: a postmaster that runs, serves this folder and takes our password is gone on with; one
 * that does not answer is ended; a postmaster.pid that names a zombie or somebody else's process is removed once
 * nobody works in the folder, since PostgreSQL would take that process for a postmaster.
 */
export async function settleLeftover(
  dir: string,
  password: string,
  log: (line: string) => void,
): Promise<{ pid: number; port: number } | undefined> {
  const left = readPidFile(dir)
  if (left === undefined) return undefined
  if (isRunning(left.pid) && (await answers(left, dir, password))) {
    log(`going on with the PostgreSQL that is running already (process ${left.pid})`)
    return { pid: left.pid, port: left.port }
  }
  if (isRunning(left.pid) && works(left.pid, dir)) {
    log(`ending a PostgreSQL that does not answer (process ${left.pid})`)
    await endPostmaster(left.pid)
  }
  await removeIfDead(dir)
  return undefined
}

async function answers(left: PidFile, dir: string, password: string): Promise<boolean> {
  const deadlineMs = Date.now() + ANSWER_MS_MAX
  for (;;) {
    const now = readPidFile(dir)
    if (now?.pid !== left.pid) return false
    if (await serves(now.port, password, dir)) return true
    if (!isRunning(left.pid) || !works(left.pid, dir) || Date.now() >= deadlineMs) return false
    await sleep(POLL_MS)
  }
}

function works(pid: number, dir: string): boolean {
  return processesIn(realpathSync(dir))?.includes(pid) ?? true
}

async function removeIfDead(dir: string): Promise<void> {
  const deadlineMs = Date.now() + LEAVE_MS_MAX
  for (;;) {
    const left = readPidFile(dir)
    const working = processesIn(realpathSync(dir))
    // Where the number is free PostgreSQL sees for itself that the file is stale, shared memory included.
    if (left === undefined || working === undefined) return
    if (working.length === 0) {
      if (isKnown(left.pid)) rmSync(pidFilePath(dir), { force: true })
      return
    }
    if (Date.now() >= deadlineMs) return
    await sleep(POLL_MS)
  }
}

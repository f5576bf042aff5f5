import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Binaries, programOf } from './binaries.ts'
import { isRunning } from './process.ts'

const POLL_MS = 20
/** Fast shutdown rolls back, writes a checkpoint and is clean; immediate leaves recovery to the next start. */
const STEPS = [
  { signal: 'SIGINT', waitMs: 30_000 },
  { signal: 'SIGQUIT', waitMs: 10_000 },
  { signal: 'SIGKILL', waitMs: 5000 },
] as const

/** Shuts a postmaster down and waits for it. */
export async function stopPostmaster(
  pid: number,
  dir: string,
  binaries: Binaries,
  log: (line: string) => void,
): Promise<void> {
  // Windows has no signals; pg_ctl knows what stands for them.
  if (process.platform === 'win32')
    spawnSync(programOf(binaries, 'pg_ctl'), ['stop', '-D', dir, '-m', 'fast'])
  const last = await endPostmaster(pid)
  if (last !== undefined && last !== 'SIGINT') log(`PostgreSQL (process ${pid}) had to be ended with ${last}`)
}

/** @returns the signal that did it; undefined when it was gone already */
export async function endPostmaster(pid: number): Promise<NodeJS.Signals | undefined> {
  for (const { signal, waitMs } of STEPS) {
    if (!isRunning(pid)) return undefined
    try {
      process.kill(pid, signal)
    } catch {
      return undefined
    }
    const deadlineMs = Date.now() + waitMs
    while (isRunning(pid) && Date.now() < deadlineMs) await sleep(POLL_MS)
    if (!isRunning(pid)) return signal
  }
  return 'SIGKILL'
}
